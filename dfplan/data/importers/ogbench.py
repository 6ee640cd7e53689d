"""OGBench's NPZ files: flat arrays; `terminals` marks the last row of each trajectory.

Park et al. 2025 (arXiv 2410.20092); `ogbench.utils.load_dataset` explains the layout. The last row
of a trajectory holds its last observation; its action leads nowhere, and is left out.
Nothing terminates there: trajectories are cut off at a fixed length. `qpos` and `qvel`, and for
manipulation `button_states`, stand beside the observations.
"""

import dataclasses
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

DEFAULT = Columns(("observations",), ("actions",), "rewards")


def read(paths: Sequence[Path], columns: Columns, limit: int | None = None) -> ColumnarEpisodes:
    """Read NPZ files of OGBench.

    Args:
        paths: one or more NPZ files, such as a dataset and its `-val.npz`.
        columns: by default observations and actions.
        limit: an episode ends after so many rows at the latest.

    Raises:
        UserError: a file is missing or no NPZ, or as `read_episodes`.
    """
    rows = join_episodes([_read(path, columns, limit) for path in paths])
    return dataclasses.replace(rows, notes=rows.notes + _left_out(paths))


def _read(path: Path, given: Columns, limit: int | None) -> ColumnarEpisodes:
    with open_npz(path) as source:
        columns = source.choose(given, DEFAULT)
        observation = source.join(columns.observations)
        end = source.flags("terminals", len(observation), columns.observations[0])
        length = episode_lengths(end, limit)
        return read_episodes(source, columns, length, marks=("terminals",), observation=observation)


def _left_out(paths: Sequence[Path]) -> tuple[str, ...]:
    """A note on validation files that lie beside those to import."""
    beside = [path.with_name(f"{path.stem}-val.npz") for path in paths]
    return tuple(
        f"{path} is not imported; name it too where it should be"
        for path in beside
        if path.exists() and path not in paths
    )
