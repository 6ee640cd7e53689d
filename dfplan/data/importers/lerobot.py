"""LeRobot datasets on disk: a folder with meta/info.json and data/chunk-*/*.parquet.

The layout is that of LeRobotDataset v3 (huggingface/lerobot, `datasets/dataset_writer.py`): one row
per frame with the action taken there, episodes one after the other, several per file or split
across files. Version 2, with one file per episode, has the same columns. No frame follows the last
action of an episode. Lists of lists and tensors are flattened; videos are not read. `splits` in
meta/info.json names ranges of episodes.
"""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.importers.columns import ColumnReader, Columns
from dfplan.data.importers.episodes import (
    ColumnarEpisodes,
    episode_lengths,
    join_episodes,
    read_episodes,
)
from dfplan.types import UserError, listed, shorten
from dfplan.util.readers import open_parquet, read_json

DEFAULT = Columns(observations=("observation.state",), actions=("action",), rewards="next.reward")
VERSIONS = ("v2", "v3")


def recognizes(path: Path) -> bool:
    """Return whether a folder describes itself as LeRobot's datasets do."""
    return (path / "meta" / "info.json").is_file()


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
    info = _read_info(path)
    reader = _open(path)
    episode = reader.vector("episode_index")
    frame = reader.vector("frame_index")
    _check_order(str(path), episode, frame)
    if columns.split is not None:
        rows = _split_rows(path, info, columns.split, episode)
        reader = _select(reader, rows)
        episode = episode[rows]
    end = np.append(episode[1:] != episode[:-1], True)
    return read_episodes(
        reader,
        reader.resolve(dataclasses.replace(columns, split=None), DEFAULT),
        episode_lengths(end, limit),
        boundary_columns=("episode_index", "frame_index"),
    )


def _read_info(path: Path) -> dict[str, Any]:
    info_file = path / "meta" / "info.json"
    if not info_file.is_file():
        raise UserError(f"{path} is not a LeRobot dataset: it has no meta/info.json")
    info = read_json(info_file)
    version = str(info.get("codebase_version"))
    if not version.startswith(VERSIONS):
        raise UserError(f"{path} is a LeRobot dataset {version}; valid: {', '.join(VERSIONS)}")
    return info


def _split_rows(path: Path, info: dict[str, Any], split: str, episode: np.ndarray) -> np.ndarray:
    """Return whether each row belongs to a split, `[N]` bool.

    Raises:
        UserError: If there is no such split, or it is not a range of episodes such as "0:50".
    """
    splits = info.get("splits")
    splits = splits if isinstance(splits, dict) else {}
    if split not in splits:
        raise UserError(f"{path} has no split {split!r}; it has: {listed(splits)}")
    match = re.fullmatch(r"(\d+):(\d+)", str(splits[split]))
    if match is None:
        text = shorten(str(splits[split]), 80)
        raise UserError(f"{path}: split {split!r} is {text!r}; needed: a range such as 0:50")
    selected = (episode >= int(match[1])) & (episode < int(match[2]))
    if not selected.any():
        raise UserError(f"{path}: split {split!r}, {match[0]}, contains no episode")
    return selected


def _open(path: Path) -> ColumnReader:
    files = sorted(path.glob("data/*/*.parquet"), key=_numbers)
    if not files:
        raise UserError(f"{path} holds no data/chunk-*/*.parquet")
    with open_parquet(files[0]) as file:
        names = tuple(file.schema_arrow.names)

    def read_column(name: str) -> np.ndarray:
        return np.concatenate([_column(file, name) for file in files])

    return ColumnReader(str(path), names, read_column)


def _numbers(path: Path) -> list[int]:
    """Return the numbers in the names of a file and its folder, by which files are ordered."""
    return [
        int(digits) for name in (path.parent.name, path.stem) for digits in re.findall(r"\d+", name)
    ]


def _select(reader: ColumnReader, rows: np.ndarray) -> ColumnReader:
    """Return a reader of some of the rows."""
    return dataclasses.replace(reader, read=lambda name: reader.read(name)[rows])


def _column(path: Path, name: str) -> np.ndarray:
    """Return a column of one file, `[N]` or `[N, D]`; nested lists and tensors are flattened.

    Raises:
        UserError: If the file cannot be read, or the column is missing, has gaps or does not hold
            numbers.
    """
    with open_parquet(path) as file:
        if name not in file.schema_arrow.names:
            raise UserError(f"{path} has no column {name!r}")
        kind = file.schema_arrow.field(name).type
        if not _is_number(_innermost(kind)):
            raise UserError(
                f"{path}: column {name!r} holds {shorten(str(kind), 80)}; needed: numbers or "
                "lists of numbers"
            )
        array = file.read(columns=[name]).column(0).combine_chunks()
        return _flatten(f"{path}: column {name!r}", array)


def _innermost(kind: Any) -> Any:
    """Return the Arrow type of the values in lists and tensors."""
    import pyarrow
    from pyarrow import types

    while True:
        if isinstance(kind, pyarrow.BaseExtensionType):
            kind = kind.storage_type
        elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
            kind = kind.value_type
        else:
            return kind


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind)


def _flatten(where: str, array: Any) -> np.ndarray:
    """Return an Arrow array of numbers, or of lists of equal lengths at any depth.

    Raises:
        UserError: If a value is missing, or lists differ in length.
    """
    import pyarrow

    rows = len(array)
    is_list = False
    while True:
        if array.null_count:
            raise UserError(f"{where} has no value in {array.null_count} of {len(array)} rows")
        if isinstance(array.type, pyarrow.BaseExtensionType):
            array = array.storage
        elif _is_number(array.type):
            values = array.to_numpy(zero_copy_only=False)
            return values.reshape(rows, -1) if is_list else values
        else:
            sizes = np.unique(array.value_lengths())
            if len(sizes) > 1:
                raise UserError(f"{where} has lists of {sizes[0]} to {sizes[-1]} numbers")
            array = array.flatten()
            is_list = True


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
