"""Replay buffers of diffusion_policy: Zarr groups with data/... and meta/episode_ends.

The layout is that of diffusion_policy's `common/replay_buffer.py` (Chi et al. 2023): every array in
data/ has one row per control step, and meta/episode_ends holds the number of rows up to the end of
each episode. Row i holds the observation and the action taken there; no observation follows the
last action. Arrays of more dimensions, such as key points, are flattened; images are not read.
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
from dfplan.types import UserError
from dfplan.util.readers import is_zarr, read_zarr

DATA = "data/"
ENDS = "meta/episode_ends"
OBSERVATIONS = ("state", "obs")
"""Names under which buffers hold low-dimensional observations; the first one that is there."""
recognizes = is_zarr


def read(paths: Sequence[Path], columns: Columns, limit: int | None = None) -> ColumnarEpisodes:
    """Read Zarr replay buffers of diffusion_policy.

    Args:
        paths: One or more .zarr folders or .zarr.zip files.
        columns: Names of arrays in data/; state (or else obs) and action by default.
        limit: Maximum number of rows per episode.

    Raises:
        UserError: If a path is not a replay buffer or its episode ends do not fit the rows, or as
            `read_episodes`.
    """
    return join_episodes([_read(path, columns, limit) for path in paths])


def _read(path: Path, columns: Columns, limit: int | None) -> ColumnarEpisodes:
    arrays = read_zarr(path)
    if ENDS not in arrays:
        raise UserError(f"{path} has no {ENDS}; needed: a replay buffer of diffusion_policy")
    names = tuple(name.removeprefix(DATA) for name in arrays if name.startswith(DATA))

    def read_column(name: str) -> np.ndarray:
        array = arrays[DATA + name]
        return array.reshape(len(array), -1) if array.ndim == 3 else array

    reader = ColumnReader(str(path), names, read_column)
    observations = next(((name,) for name in OBSERVATIONS if name in names), OBSERVATIONS[:1])
    default = Columns(observations=observations, actions=("action",), rewards="reward")
    columns = reader.resolve(columns, default)
    observation = reader.join(columns.observations)
    ends = _checked_ends(path, arrays[ENDS], rows=len(observation))
    is_end = np.zeros(len(observation), bool)
    is_end[ends - 1] = True
    return read_episodes(
        reader,
        columns,
        episode_lengths(is_end, limit),
        boundary_columns=(),
        observation=observation,
    )


def _checked_ends(path: Path, ends: np.ndarray, rows: int) -> np.ndarray:
    """Return the rows up to the end of each episode `[E]`.

    Raises:
        UserError: If they do not rise to the number of rows.
    """
    if ends.ndim != 1 or ends.dtype.kind not in "iu" or not len(ends):
        raise UserError(f"{path}: {ENDS} holds {ends.dtype} {ends.shape}; needed: whole numbers")
    ends = ends.astype(np.int64)
    falls = np.flatnonzero(np.diff(ends, prepend=0) <= 0)
    if len(falls):
        row = int(falls[0])
        raise UserError(f"{path}: {ENDS} has {ends[row]} at {row}; needed: rising numbers from 1")
    if ends[-1] != rows:
        raise UserError(f"{path}: {ENDS} ends with {ends[-1]}, but data/ has {rows} rows")
    return ends
