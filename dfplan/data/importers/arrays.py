"""Plain NumPy arrays: one NPZ, or NPY files named as their columns.

`observations` and `actions`, and where there are any `rewards`, `terminals`, `timeouts` and
`episode_lengths` (actions of each episode). Observations may have a row more per episode than
actions: what was observed after the last one.
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

DEFAULT = Columns(("observations",), ("actions",), "rewards")
LENGTHS = "episode_lengths"
ENDS = ("terminals", "timeouts")


def read(paths: Sequence[Path], columns: Columns, limit: int | None = None) -> ColumnarEpisodes:
    """Read NumPy arrays: NPZ, or NPY files.

    Args:
        paths: one or more NPZ files with the same columns; or NPY files, a column each.
        columns: by default observations, actions and rewards.
        limit: an episode ends after so many rows at the latest.

    Raises:
        UserError: a file is missing or of another kind, or as `read_episodes`.
    """
    kinds = {path.suffix for path in paths}
    if kinds == {".npy"}:
        return _rows(open_npy(paths), columns, limit)
    if kinds != {".npz"}:
        names = ", ".join(map(str, paths))
        raise UserError(f"{names}: needed: .npz files, or .npy files named as their columns")
    return join_episodes([_read(path, columns, limit) for path in paths])


def _read(path: Path, columns: Columns, limit: int | None) -> ColumnarEpisodes:
    with open_npz(path) as source:
        return _rows(source, columns, limit)


def _rows(source: ColumnReader, given: Columns, limit: int | None) -> ColumnarEpisodes:
    columns = source.choose(given, DEFAULT)
    observation, actions = source.join(columns.observations), len(source.join(columns.actions))
    size = actions, columns.actions[0]
    flags = {name: source.flags(name, *size) for name in ENDS if name in source.names}
    if LENGTHS in source.names:
        if limit is not None:
            raise UserError(f"{source.where} has {LENGTHS!r}; leave --episode-steps out")
        length = _lengths(source, *size)
    else:
        length = episode_lengths(np.any([np.zeros(actions, bool), *flags.values()], axis=0), limit)
    final = None
    if len(observation) == actions + len(length):
        after = np.cumsum(length + 1) - 1
        observation, final = np.delete(observation, after, axis=0), observation[after]
    return read_episodes(
        source,
        columns,
        length,
        marks=(*ENDS, LENGTHS),
        terminal=flags.get("terminals"),
        observation=observation,
        final=final,
    )


def _lengths(source: ColumnReader, actions: int, name: str) -> np.ndarray:
    length = source.vector(LENGTHS)
    if (length < 1).any() or (length % 1 != 0).any() or length.sum() != actions:
        raise UserError(
            f"{source.where}: {LENGTHS!r} add up to {length.sum():g}; needed: whole numbers that "
            f"add up to the {actions} rows of {name!r}"
        )
    return length.astype(np.int64)
