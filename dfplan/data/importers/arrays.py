"""Plain NumPy arrays: one NPZ file, or NPY files named after their columns.

The columns are `observations` and `actions`, and optionally `rewards`, `terminals`, `timeouts` and
`episode_lengths` (number of actions of each episode). Observations may have one row more per
episode than actions: the observation after the last action.
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
from dfplan.data.importers.npz import open_npy, open_npz
from dfplan.types import UserError

DEFAULT = Columns(observations=("observations",), actions=("actions",), rewards="rewards")
LENGTHS = "episode_lengths"
ENDS = ("terminals", "timeouts")

SUFFIXES = (".npz", ".npy")


def recognizes(path: Path) -> bool:
    """Return whether a file's name is that of NumPy's files."""
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
    flags = {name: reader.flags(name, rows, reference) for name in ENDS if name in reader.names}
    if LENGTHS in reader.names:
        if limit is not None:
            raise UserError(f"{reader.where} has {LENGTHS!r}; omit --episode-steps")
        length = _read_lengths(reader, rows, reference)
    else:
        end = np.any([np.zeros(rows, bool), *flags.values()], axis=0)
        length = episode_lengths(end, limit)
    final = None
    if len(observation) == rows + len(length):
        final_rows = np.cumsum(length + 1) - 1
        final = observation[final_rows]
        observation = np.delete(observation, final_rows, axis=0)
    return read_episodes(
        reader,
        columns,
        length,
        boundary_columns=(*ENDS, LENGTHS),
        terminal=flags.get("terminals"),
        observation=observation,
        final=final,
    )


def _read_lengths(reader: ColumnReader, rows: int, reference: str) -> np.ndarray:
    length = reader.vector(LENGTHS)
    if (length < 1).any() or (length % 1 != 0).any() or length.sum() != rows:
        raise UserError(
            f"{reader.where}: {LENGTHS!r} add up to {length.sum():g}; needed: whole numbers that "
            f"add up to the {rows} rows of {reference!r}"
        )
    return length.astype(np.int64)
