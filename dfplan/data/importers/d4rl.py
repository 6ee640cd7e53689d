"""D4RL's HDF5 files: flat arrays, split into episodes by `terminals` and `timeouts`.

Fu et al. 2020 (arXiv 2004.07219); the keys are those written by D4RL's `scripts/generation`. Row i
holds the observation, the action taken there and its reward. The row after the last one of an
episode is the first one of the next episode, so the result of the last action is known only in
files with `next_observations` (version 2 of the MuJoCo tasks).
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from dfplan.data.importers.columns import ColumnReader, Columns
from dfplan.data.importers.episodes import (
    ColumnarEpisodes,
    episode_lengths,
    join_episodes,
    read_episodes,
)
from dfplan.data.importers.next_observations import read_next
from dfplan.util.readers import open_hdf5

DEFAULT = Columns(
    observations=("observations",), actions=("actions",), rewards="rewards", goal="infos/goal"
)
TIMEOUTS = "timeouts"


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
    terminal = reader.ends("terminals", rows, reference)
    end = terminal
    if TIMEOUTS in reader.names:
        end = terminal | reader.ends(TIMEOUTS, rows, reference)
    following = read_next(reader, columns.observations, observation, end, marks=(TIMEOUTS,))
    length = episode_lengths(following.end, limit)
    episodes = read_episodes(
        reader,
        columns,
        length,
        boundary_columns=("terminals", TIMEOUTS, *following.names),
        terminal=terminal,
        observation=observation,
        final=following.final(length),
    )
    return dataclasses.replace(episodes, notes=(*following.notes, *episodes.notes))
