"""LeRobot datasets on disk: a folder with meta/info.json and data/chunk-*/*.parquet.

The layout is that of LeRobotDataset v3 (huggingface/lerobot, `datasets/dataset_writer.py`): a row
per frame, with the action taken there, episodes one after the other, several in a file or over
several files. Version 2, with a file per episode, has the same columns. No frame follows the last
action of an episode. Videos are not read.
"""

import json
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
from dfplan.types import UserError, one_line

DEFAULT = Columns(("observation.state",), ("action",), "next.reward")
VERSIONS = ("v2", "v3")
EXTRA = "pip install 'dfplan[lerobot]'"


def read(paths: Sequence[Path], columns: Columns, limit: int | None = None) -> ColumnarEpisodes:
    """Read LeRobot datasets: folders.

    Args:
        paths: one or more folders.
        columns: by default observation.state, action and next.reward.
        limit: an episode ends after so many rows at the latest.

    Raises:
        UserError: a folder is no LeRobot dataset, frames are missing or out of order, pyarrow is
            not installed, or as `read_episodes`.
    """
    return join_episodes([_read(path, columns, limit) for path in paths])


def _read(path: Path, given: Columns, limit: int | None) -> ColumnarEpisodes:
    _check_version(path)
    source = _open(path)
    columns = source.choose(given, DEFAULT)
    episode, frame = source.vector("episode_index"), source.vector("frame_index")
    _check_order(str(path), episode, frame)
    end = np.append(episode[1:] != episode[:-1], True)
    return read_episodes(
        source, columns, episode_lengths(end, limit), marks=("episode_index", "frame_index")
    )


def _check_version(path: Path) -> None:
    info = path / "meta" / "info.json"
    try:
        version = str(json.loads(info.read_text())["codebase_version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no LeRobot dataset: {info}: {one_line(error)}") from error
    if not version.startswith(VERSIONS):
        raise UserError(f"{path} is a LeRobot dataset {version}; valid: {', '.join(VERSIONS)}")


def _open(path: Path) -> ColumnReader:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UserError(f"LeRobot datasets need pyarrow: {EXTRA}") from error
    files = sorted(path.glob("data/*/*.parquet"))
    if not files:
        raise UserError(f"{path} holds no data/chunk-*/*.parquet")
    try:
        names = tuple(pq.read_schema(files[0]).names)
    except (OSError, ValueError) as error:
        raise UserError(f"{files[0]} cannot be read as Parquet: {one_line(error)}") from error
    return ColumnReader(
        str(path), names, lambda name: np.concatenate([_column(file, name) for file in files])
    )


def _column(path: Path, name: str) -> np.ndarray:
    """A column of one file, `[N]` or `[N, D]`.

    Raises:
        ValueError: when it is missing, has gaps, or holds no numbers.
        OSError: when the file cannot be read.
    """
    import pyarrow.parquet as pq
    from pyarrow import types

    with pq.ParquetFile(path) as file:
        if name not in file.schema_arrow.names:
            raise ValueError(f"{path.name} lacks it")
        kind = file.schema_arrow.field(name).type
        is_list = types.is_list(kind) or types.is_fixed_size_list(kind)
        number = kind.value_type if is_list else kind
        if not (types.is_floating(number) or types.is_integer(number) or types.is_boolean(number)):
            raise ValueError(f"{path.name} holds {kind}; needed: numbers or lists of numbers")
        array = file.read(columns=[name]).column(0).combine_chunks()
    if array.null_count:
        raise ValueError(f"{path.name} has no value in {array.null_count} of {len(array)} rows")
    if not is_list:
        return array.to_numpy(zero_copy_only=False)
    sizes = np.unique(array.value_lengths())
    if len(sizes) > 1:
        raise ValueError(f"{path.name} has lists of {sizes[0]} to {sizes[-1]} numbers")
    return array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), -1)


def _check_order(where: str, episode: np.ndarray, frame: np.ndarray) -> None:
    """Check that episodes are whole: each in one piece, its frames counted from 0."""
    first = np.append(True, episode[1:] != episode[:-1])
    begun = episode[first]
    if len(np.unique(begun)) < len(begun):
        again = next(e for i, e in enumerate(begun) if e in begun[:i])
        raise UserError(f"{where}: episode {again:g} stands in two places; needed: in one piece")
    start = np.flatnonzero(first)
    count = np.arange(len(frame)) - np.repeat(start, np.diff(np.append(start, len(frame))))
    bad = np.flatnonzero(frame != count)
    if len(bad):
        i = bad[0]
        raise UserError(
            f"{where}: episode {episode[i]:g} has frame_index {frame[i]:g} in the place of "
            f"{count[i]}; needed: all frames of an episode, from 0 on"
        )
