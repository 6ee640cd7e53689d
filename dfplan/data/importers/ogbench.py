"""OGBench's NPZ files: flat arrays; `terminals` marks the last row of each trajectory.

Park et al. 2025 (arXiv 2410.20092); see `ogbench.utils.load_dataset` for the layout. The last row
of a trajectory holds its last observation; the action there has no result and is left out.
Episodes never terminate: trajectories are truncated at a fixed length. The files also hold `qpos`
and `qvel`, and `button_states` for manipulation.
"""

import contextlib
import dataclasses
import zipfile
from collections.abc import Sequence
from pathlib import Path

from dfplan.data.importers.columns import Columns
from dfplan.data.importers.episodes import (
    ColumnarEpisodes,
    episode_lengths,
    join_episodes,
    read_episodes,
)
from dfplan.data.importers.npz import open_npz
from dfplan.types import UserError

DEFAULT = Columns(observations=("observations",), actions=("actions",), rewards="rewards")

REQUIRED_ARRAYS = {"observations", "actions", "terminals", "qpos", "qvel"}


def recognizes(path: Path) -> bool:
    """Return whether a file is NPZ with the arrays that OGBench's files have."""
    if not zipfile.is_zipfile(path):
        return False
    with contextlib.suppress(UserError):
        return set(open_npz(path).names) >= REQUIRED_ARRAYS
    return False


def read(paths: Sequence[Path], columns: Columns, limit: int | None = None) -> ColumnarEpisodes:
    """Read NPZ files of OGBench.

    Args:
        paths: One or more NPZ files, such as a dataset and its `-val.npz`.
        columns: Column names; observations and actions by default.
        limit: Maximum number of rows per episode.

    Raises:
        UserError: If a file is missing or not NPZ, or as `read_episodes`.
    """
    episodes = join_episodes([_read(path, columns, limit) for path in paths])
    return dataclasses.replace(episodes, notes=episodes.notes + _validation_notes(paths))


def _read(path: Path, columns: Columns, limit: int | None) -> ColumnarEpisodes:
    reader = open_npz(path)
    columns = reader.resolve(columns, DEFAULT)
    observation = reader.join(columns.observations)
    end = reader.ends("terminals", len(observation), columns.observations[0])
    return read_episodes(
        reader,
        columns,
        episode_lengths(end, limit),
        boundary_columns=("terminals",),
        observation=observation,
    )


def _validation_notes(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return a note for each validation file that exists but is not imported."""
    validation_files = [path.with_name(f"{path.stem}-val.npz") for path in paths]
    return tuple(
        f"{path} is not imported; name it too if you want it"
        for path in validation_files
        if path.exists() and path not in paths
    )
