"""D4RL's HDF5 files: flat arrays, split into episodes by `terminals` and `timeouts`.

Fu et al. 2020 (arXiv 2004.07219); the keys are those written by D4RL's `scripts/generation`. Row i
holds the observation, the action taken there and its reward. The row after the last one of an
episode is the first one of the next episode, so the result of the last action is known only in
files with `next_observations` (version 2 of the MuJoCo tasks). Those files also reveal unmarked
ends: rows whose next observation is not the observation of the next row. Next observations that
differ from the next rows in any other way are ignored if the file has `timeouts`, else refused.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dfplan.data.importers.boundaries import Disagreement, find_boundaries, rounding_of
from dfplan.data.importers.columns import ColumnReader, Columns
from dfplan.data.importers.episodes import (
    ColumnarEpisodes,
    episode_lengths,
    join_episodes,
    read_episodes,
)
from dfplan.types import UserError
from dfplan.util.readers import open_hdf5

NEXT = "next_observations"
DEFAULT = Columns(
    observations=("observations",), actions=("actions",), rewards="rewards", goal="infos/goal"
)
TIMEOUTS = "timeouts"
BOUNDARY_COLUMNS = ("terminals", TIMEOUTS, NEXT)
UNMARKED = "unmarked ends of episodes, found by {}: {}"


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
    if TIMEOUTS in reader.names:
        end = terminal | reader.flags(TIMEOUTS, rows, reference)
    notes = []
    next_observation = None
    if NEXT in reader.names and columns.observations == ("observations",):
        next_observation, resets, notes = _read_next(reader, observation, end)
        end = end | np.append(resets, False)
    length = episode_lengths(end, limit)
    episodes = read_episodes(
        reader,
        columns,
        length,
        boundary_columns=BOUNDARY_COLUMNS,
        terminal=terminal,
        observation=observation,
        final=None if next_observation is None else next_observation[np.cumsum(length) - 1],
    )
    return dataclasses.replace(episodes, notes=(*notes, *episodes.notes))


def _read_next(
    reader: ColumnReader, observation: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray, list[str]]:
    """Return the next observations or None, unmarked ends `[N-1]`, and notes."""
    next_observation = reader.column(NEXT)
    reader.check_rows(
        NEXT, len(next_observation), needed=len(observation), reference="observations"
    )
    if next_observation.shape != observation.shape:
        raise UserError(
            f"{reader.where}: {NEXT!r} has {next_observation.shape[1]} numbers per row; "
            f"needed: {observation.shape[1]}, as 'observations'"
        )
    rounding = rounding_of(reader.raw("observations").dtype, reader.raw(NEXT).dtype)
    resets, disagreement = find_boundaries(observation, next_observation, end, rounding=rounding)
    if disagreement is None:
        count = int(resets.sum())
        return next_observation, resets, [UNMARKED.format(NEXT, f"{count:,}")] if count else []
    text = _describe(disagreement, len(observation))
    if TIMEOUTS not in reader.names:
        raise UserError(
            f"{reader.where}: {text}; needed: the same numbers, or {TIMEOUTS!r} for the ends of "
            f"episodes, or no {NEXT!r}"
        )
    return None, np.zeros_like(resets), [f"{NEXT} are ignored: {text}"]


def _describe(disagreement: Disagreement, rows: int) -> str:
    return (
        f"{NEXT}, row {disagreement.row}, dimension {disagreement.dim}, is "
        f"{disagreement.next_value:g}, and observations has {disagreement.value:g} in the next "
        f"row ({disagreement.rows:,} of {rows:,} rows disagree beyond rounding)"
    )
