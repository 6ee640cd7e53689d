"""LeRobot datasets on disk: a folder with meta/info.json and data/chunk-*/*.parquet.

The layout is that of LeRobotDataset v3 (huggingface/lerobot, `datasets/dataset_writer.py`): one row
per frame with the action taken there, episodes one after the other, several per file or split
across files. Version 2, with one file per episode, has the same columns. No frame follows the last
action of an episode. Videos are not read.
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
from dfplan.util.readers import open_parquet, read_json

DEFAULT = Columns(observations=("observation.state",), actions=("action",), rewards="next.reward")
VERSIONS = ("v2", "v3")


def read(paths: Sequence[Path], columns: Columns, limit: int | None = None) -> ColumnarEpisodes:
    """Read folders of LeRobot datasets.

    Args:
        paths: One or more folders.
        columns: Column names; observation.state, action and next.reward by default.
        limit: Maximum number of rows per episode.

    Raises:
        UserError: If a folder is not a LeRobot dataset, frames are missing or out of order, pyarrow
            is not installed, or as `read_episodes`.
    """
    return join_episodes([_read(path, columns, limit) for path in paths])


def _read(path: Path, columns: Columns, limit: int | None) -> ColumnarEpisodes:
    _check_version(path)
    reader = _open(path)
    episode = reader.vector("episode_index")
    frame = reader.vector("frame_index")
    _check_order(str(path), episode, frame)
    end = np.append(episode[1:] != episode[:-1], True)
    return read_episodes(
        reader,
        reader.resolve(columns, DEFAULT),
        episode_lengths(end, limit),
        boundary_columns=("episode_index", "frame_index"),
    )


def _check_version(path: Path) -> None:
    info = path / "meta" / "info.json"
    if not info.is_file():
        raise UserError(f"{path} is not a LeRobot dataset: it has no {info.relative_to(path)}")
    version = str(read_json(info).get("codebase_version"))
    if not version.startswith(VERSIONS):
        raise UserError(f"{path} is a LeRobot dataset {version}; valid: {', '.join(VERSIONS)}")


def _open(path: Path) -> ColumnReader:
    files = sorted(path.glob("data/*/*.parquet"))
    if not files:
        raise UserError(f"{path} holds no data/chunk-*/*.parquet")
    with open_parquet(files[0]) as file:
        names = tuple(file.schema_arrow.names)

    def read_column(name: str) -> np.ndarray:
        return np.concatenate([_column(file, name) for file in files])

    return ColumnReader(str(path), names, read_column)


def _column(path: Path, name: str) -> np.ndarray:
    """Return a column of one file, `[N]` or `[N, D]`.

    Raises:
        UserError: If the file cannot be read, or the column is missing, has gaps or does not hold
            numbers.
    """
    from pyarrow import types

    with open_parquet(path) as file:
        if name not in file.schema_arrow.names:
            raise UserError(f"{path} has no column {name!r}")
        kind = file.schema_arrow.field(name).type
        is_list = types.is_list(kind) or types.is_fixed_size_list(kind)
        number = kind.value_type if is_list else kind
        if not (types.is_floating(number) or types.is_integer(number) or types.is_boolean(number)):
            raise UserError(
                f"{path}: column {name!r} holds {kind}; needed: numbers or lists of numbers"
            )
        array = file.read(columns=[name]).column(0).combine_chunks()
    if array.null_count:
        raise UserError(
            f"{path}: column {name!r} has no value in {array.null_count} of {len(array)} rows"
        )
    if not is_list:
        return array.to_numpy(zero_copy_only=False)
    sizes = np.unique(array.value_lengths())
    if len(sizes) > 1:
        raise UserError(f"{path}: column {name!r} has lists of {sizes[0]} to {sizes[-1]} numbers")
    return array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), -1)


def _check_order(where: str, episode: np.ndarray, frame: np.ndarray) -> None:
    """Check that episodes are contiguous, with frames counted from 0."""
    is_first = np.append(True, episode[1:] != episode[:-1])
    ids = episode[is_first]
    if len(np.unique(ids)) < len(ids):
        repeated = next(id for i, id in enumerate(ids) if id in ids[:i])
        raise UserError(
            f"{where}: episode {repeated:g} appears in two places; needed: contiguous frames"
        )
    start = np.flatnonzero(is_first)
    count = np.arange(len(frame)) - np.repeat(start, np.diff(np.append(start, len(frame))))
    bad = np.flatnonzero(frame != count)
    if len(bad):
        i = bad[0]
        raise UserError(
            f"{where}: episode {episode[i]:g} has frame_index {frame[i]:g} instead of {count[i]}; "
            "needed: all frames of an episode, starting at 0"
        )
