"""Names, records and sizes of shards."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.representation.columns import ColumnSums
from dfplan.representation.layout import Layout
from dfplan.types import UserError, one_line
from dfplan.util.files import checksum
from dfplan.util.from_json import from_json

FORMAT = 1
MANIFEST = "manifest.json"
RECORD = "record.json"
STATE = "state.npy"
ACTION = "action.npy"
LENGTH = "length.npy"
GOAL_INTERVALS = "goal_intervals.npy"
GRID = "grid.npy"


@dataclasses.dataclass(frozen=True)
class Choices:
    """What a user may choose about the states of a dataset; see `Layout` for the fields.

    Attributes:
        goal_dims: State dimensions that a goal fixes; None detects them.
        goal_from: Observation dimensions that hold the desired goal.
        goal_value: Constant desired goal.
        origin: Offsets of the state dimensions; None derives them from the data.
    """

    goal_dims: tuple[int, ...] | None = None
    goal_from: tuple[int, ...] = ()
    goal_value: tuple[float, ...] = ()
    origin: tuple[float, ...] | None = None


@dataclasses.dataclass(frozen=True)
class ShardRecord:
    """Metadata of one shard.

    Attributes:
        rows: Number of rows.
        files: CRC-32 of each file.
        states: Sums of the states, see `ColumnSums`.
        actions: Sums of the actions of all steps; None if no step begins in the shard.
    """

    rows: int
    files: dict[str, int]
    states: dict[str, Any]
    actions: dict[str, Any] | None


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Metadata of all shards of a dataset.

    Attributes:
        format: Version of the format.
        dataset_id: Minari id of the dataset.
        source: Size and time of change of the dataset's files, which identify its content.
        choices: Choices that the shards were written with.
        layout: Layout of the states.
        fingerprint: Fingerprint of the arrays, that of `Trajectories`.
        rows: Number of rows of each shard.
        files: CRC-32 of each file in the main folder.
        states: Sums of the states.
        actions: Sums of the actions of all steps.
    """

    format: int
    dataset_id: str
    source: tuple[int, ...]
    choices: dict[str, Any]
    layout: dict[str, Any]
    fingerprint: str
    rows: tuple[int, ...]
    files: dict[str, int]
    states: dict[str, Any]
    actions: dict[str, Any]

    def make_layout(self) -> Layout:
        """Return the layout of the states."""
        return Layout.from_dict(self.layout)

    def state_sums(self) -> ColumnSums:
        """Return the sums of the states."""
        return ColumnSums.from_dict(self.states)

    def action_sums(self) -> ColumnSums:
        """Return the sums of the actions."""
        return ColumnSums.from_dict(self.actions)


def read_record(path: Path, cls: type[Any]) -> Any:
    """Read a JSON record of a shard or of all shards.

    Raises:
        UserError: If it is missing or damaged, or of another version.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"{path} is damaged ({one_line(error)}); delete {path.parent}, and write the shards "
            "again with: dfplan dataset shard"
        ) from error
    version = values.get("format", FORMAT) if isinstance(values, dict) else FORMAT
    if version != FORMAT:
        raise UserError(f"{path} has format {version!r}; this version of dfplan reads {FORMAT}")
    return from_json(cls, values, str(path))


def is_shards(dataset_id: str) -> bool:
    """Return whether the name of a dataset is that of a directory of shards."""
    return bool(dataset_id) and (Path(dataset_id) / MANIFEST).is_file()


def shard_path(directory: Path, number: int) -> Path:
    """Return the folder of a shard."""
    return directory / f"shard-{number:05d}"


def first_rows(rows: int, shards: int) -> np.ndarray:
    """Return the first row of each shard and the number of all rows, `[shards + 1]` int64."""
    return np.arange(shards + 1, dtype=np.int64) * rows // shards


def is_intact(folder: Path, files: dict[str, int]) -> bool:
    """Return whether files exist and have these checksums."""
    try:
        return all(checksum(folder / Path(name).name) == crc for name, crc in files.items())
    except OSError:
        return False
