"""D4RL's HDF5 files: flat arrays, split into episodes by `terminals` and `timeouts`.

Fu et al. 2020 (arXiv 2004.07219); the keys are those written by D4RL's `scripts/generation`. Row i
holds the observation, the action taken there and its reward. The row after the last one of an
episode is the first one of the next episode, so the result of the last action is known only in
files with `next_observations` (version 2 of the MuJoCo tasks). Those files also reveal unmarked
ends: rows whose next observation is not the observation of the next row.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dfplan.data.importers.columns import ColumnReader, Columns
from dfplan.data.importers.episodes import (
    ColumnarEpisodes,
    episode_lengths,
    join_episodes,
    read_episodes,
)
from dfplan.util.readers import open_hdf5

NEXT = "next_observations"
DEFAULT = Columns(
    observations=("observations",), actions=("actions",), rewards="rewards", goal="infos/goal"
)
BOUNDARY_COLUMNS = ("terminals", "timeouts", NEXT)


def recognizes(path: Path) -> bool:
    """Return whether a file is HDF5."""
    import h5py

    return path.is_file() and bool(h5py.is_hdf5(path))


def read(paths: Sequence[Path], columns: Columns, limit: int | None = None) -> ColumnarEpisodes:
    """Read HDF5 files of D4RL.

    Args:
        paths: One or more HDF5 files.
        columns: Column names; observations, actions, rewards and infos/goal by default.
        limit: Maximum number of rows per episode.

    Raises:
        UserError: If a file is missing or not HDF5, or as `read_episodes`.
    """
    return join_episodes([_read(path, columns, limit) for path in paths])


def _read(path: Path, columns: Columns, limit: int | None) -> ColumnarEpisodes:
    with open_hdf5(path) as arrays:
        # metadata/... describes how the data were made, such as the weights of a policy.
        names = tuple(name for name in arrays if not name.startswith("metadata/"))
        return _episodes(ColumnReader(str(path), names, arrays.__getitem__), columns, limit)


def _episodes(reader: ColumnReader, columns: Columns, limit: int | None) -> ColumnarEpisodes:
    columns = reader.resolve(columns, DEFAULT)
    observation = reader.join(columns.observations)
    rows = len(observation)
    reference = columns.observations[0]
    terminal = reader.flags("terminals", rows, reference)
    end = terminal
    if "timeouts" in reader.names:
        end = terminal | reader.flags("timeouts", rows, reference)
    next_observation = None
    if NEXT in reader.names and columns.observations == ("observations",):
        next_observation = reader.column(NEXT)
        reader.check_rows(NEXT, len(next_observation), needed=rows, reference=reference)
        continues = np.isclose(next_observation[:-1], observation[1:]).all(axis=1)
        end = end | np.append(~continues, False)
    length = episode_lengths(end, limit)
    return read_episodes(
        reader,
        columns,
        length,
        boundary_columns=BOUNDARY_COLUMNS,
        terminal=terminal,
        observation=observation,
        final=None if next_observation is None else next_observation[np.cumsum(length) - 1],
    )
