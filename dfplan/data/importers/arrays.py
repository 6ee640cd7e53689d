"""Plain NumPy arrays: one NPZ file, or NPY files named after their columns.

The columns are `observations` and `actions`, and optionally `rewards` and the ends of episodes:
`terminals` and `timeouts`, `dones`, `episode_lengths` (number of actions of each episode) or
`episode_ends` (number of actions up to the end of each episode, as in diffusion_policy's replay
buffers). The observation after the last action of an episode is known if there are
`next_observations`, or if observations have one row more per episode than actions.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dfplan.data.importers.columns import ColumnReader, Columns
from dfplan.data.importers.episodes import (
    ColumnarEpisodes,
    episode_lengths,
    join_episodes,
    read_episodes,
)
from dfplan.data.importers.next_observations import NextObservations, read_next
from dfplan.data.importers.npz import open_npy, open_npz
from dfplan.types import UserError

DEFAULT = Columns(observations=("observations",), actions=("actions",), rewards="rewards")
LENGTHS = "episode_lengths"
CUMULATIVE = "episode_ends"
TERMINALS = "terminals"
TIMEOUTS = "timeouts"
DONES = "dones"
ENDS = (TERMINALS, TIMEOUTS, DONES)
COMPLETE = (TIMEOUTS, DONES, LENGTHS, CUMULATIVE)
"""Columns that mark the end of every episode; `terminals` alone omit the truncated ones."""
END_COLUMNS = (TERMINALS, *COMPLETE)
END_NAME_PARTS = (
    "done",
    "episode",
    "is_first",
    "is_last",
    "terminal",
    "terminat",
    "timeout",
    "traj",
    "truncat",
)
"""Parts of the names of columns that may mark where episodes end."""
DONES_TRUNCATE = (
    "dones do not tell whether an episode terminated or was truncated: episodes count as "
    "truncated; if dones are terminations only, rename them to terminals"
)
DONES_TERMINATE = "dones that are not timeouts count as terminations"

SUFFIXES = (".npz", ".npy")


def recognizes(path: Path) -> bool:
    """Return whether a file has the suffix .npz or .npy."""
    return path.suffix in SUFFIXES


def read(paths: Sequence[Path], columns: Columns, limit: int | None = None) -> ColumnarEpisodes:
    """Read NumPy arrays in NPZ or NPY files.

    Args:
        paths: One or more NPZ files with the same columns; or NPY files, one per column.
        columns: Column names; observations, actions and rewards by default.
        limit: Maximum number of rows per episode.

    Raises:
        UserError: If a file is missing or of another kind, or as `read_episodes`.
    """
    suffixes = {path.suffix for path in paths}
    if suffixes == {".npy"}:
        return _episodes(open_npy(paths), columns, limit)
    if suffixes != {".npz"}:
        names = ", ".join(map(str, paths))
        raise UserError(
            f"cannot read {names}; needed: .npz files, or .npy files named after their columns"
        )
    return join_episodes([_read(path, columns, limit) for path in paths])


def _read(path: Path, columns: Columns, limit: int | None) -> ColumnarEpisodes:
    return _episodes(open_npz(path), columns, limit)


def _episodes(reader: ColumnReader, columns: Columns, limit: int | None) -> ColumnarEpisodes:
    columns = reader.resolve(columns, DEFAULT)
    observation = reader.join(columns.observations)
    rows = len(reader.join(columns.actions))
    reference = columns.actions[0]
    flags = {name: reader.ends(name, rows, reference) for name in ENDS if name in reader.names}
    end = _marked_ends(reader, flags, rows, limit=limit, reference=reference)
    following = NextObservations((), None, end)
    if len(observation) == rows:
        following = read_next(reader, columns.observations, observation, end, marks=COMPLETE)
    length = episode_lengths(following.end, limit)
    final = following.final(length)
    if len(observation) == rows + len(length):
        final_rows = np.cumsum(length + 1) - 1
        final = observation[final_rows]
        observation = np.delete(observation, final_rows, axis=0)
    terminal, notes = _terminals(flags)
    episodes = read_episodes(
        reader,
        columns,
        length,
        boundary_columns=(*END_COLUMNS, *following.names),
        terminal=terminal,
        observation=observation,
        final=final,
    )
    return dataclasses.replace(episodes, notes=(*notes, *following.notes, *episodes.notes))


def _marked_ends(
    reader: ColumnReader,
    flags: Mapping[str, np.ndarray],
    rows: int,
    *,
    limit: int | None,
    reference: str,
) -> np.ndarray:
    """Return the last rows of episodes that the file marks, `[N]` bool."""
    counts = [name for name in (LENGTHS, CUMULATIVE) if name in reader.names]
    if not counts:
        end = np.any([np.zeros(rows, bool), *flags.values()], axis=0)
        if not end.any() and limit is None:
            _check_unmarked(reader)
        return end
    if limit is not None:
        raise UserError(f"{reader.where} has {counts[0]!r}; omit --episode-steps")
    end = np.zeros(rows, bool)
    end[np.cumsum(_read_lengths(reader, counts[0], rows, reference=reference)) - 1] = True
    return end


def _terminals(flags: Mapping[str, np.ndarray]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the rows whose action terminated the episode, `[N]` bool or None, and notes."""
    if TERMINALS in flags or DONES not in flags:
        return flags.get(TERMINALS), ()
    if TIMEOUTS in flags:
        return flags[DONES] & ~flags[TIMEOUTS], (DONES_TERMINATE,)
    return None, (DONES_TRUNCATE,)


def _read_lengths(reader: ColumnReader, name: str, rows: int, *, reference: str) -> np.ndarray:
    """Return the number of rows of each episode, from lengths or from their cumulative sums."""
    length = reader.vector(name).astype(np.float64)
    if name == CUMULATIVE:
        length = np.diff(length, prepend=0.0)
    total = length.sum()
    if not ((length >= 1).all() and (length % 1 == 0).all() and total == rows):
        verb = "end at" if name == CUMULATIVE else "add up to"
        raise UserError(
            f"{reader.where}: {name!r} {verb} {total:g}; needed: whole numbers that {verb} the "
            f"{rows} rows of {reference!r}, for episodes of at least one row"
        )
    return length.astype(np.int64)


def _check_unmarked(reader: ColumnReader) -> None:
    """Check that no unknown column has a name that suggests ends of episodes."""
    for name in [name for name in reader.names if name not in END_COLUMNS]:
        if any(part in name.lower() for part in END_NAME_PARTS):
            raise UserError(
                f"{reader.where}: column {name!r} may mark where episodes end; rename it to one of "
                f"{', '.join(END_COLUMNS)}, or split all rows with --episode-steps"
            )
