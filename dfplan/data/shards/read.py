"""ShardedTrajectories: a dataset whose rows stay on disk."""

import copy
from pathlib import Path

import numpy as np

from dfplan.data.shards.layout import (
    ACTION,
    GOAL_INTERVALS,
    GRID,
    LENGTH,
    MANIFEST,
    RECORD,
    STATE,
    Manifest,
    ShardRecord,
    is_intact,
    read_record,
    shard_path,
)
from dfplan.data.shards.mapped import MappedRows
from dfplan.data.trajectories import Trajectories
from dfplan.representation.columns import Columns, ColumnSums
from dfplan.representation.grid import Grid
from dfplan.types import UserError, one_line


class ShardedTrajectories:
    """A dataset in shards, with the attributes of `Trajectories` except for its arrays.

    Args:
        directory: Directory of shards.
        dataset_id: Name of the dataset, as the user gave it; the directory by default.

    Raises:
        UserError: If there are no complete shards, or they are damaged.
    """

    def __init__(self, directory: Path, dataset_id: str = ""):
        if not (directory / MANIFEST).is_file():
            raise UserError(
                f"{directory} holds no complete shards; write them with: dfplan dataset shard ID "
                f"--out {directory}"
            )
        self.directory = directory
        self.dataset_id = dataset_id or str(directory)
        self.manifest: Manifest = read_record(directory / MANIFEST, Manifest)
        if not is_intact(directory, self.manifest.files):
            raise _damaged(directory)
        self.layout = self.manifest.make_layout()
        self.fingerprint = self.manifest.fingerprint
        self._folders = [shard_path(directory, i) for i in range(len(self.manifest.rows))]
        self.state = MappedRows([folder / STATE for folder in self._folders])
        self.action = MappedRows([folder / ACTION for folder in self._folders])
        self.length = self._load(LENGTH)
        self.start = np.cumsum(self.length) - self.length
        self.goal_intervals = self._load(GOAL_INTERVALS)
        self.state_sums = self.manifest.state_sums()
        self.action_sums = self.manifest.action_sums()
        self._check_sizes()

    def divided(
        self, start: np.ndarray, *, states: ColumnSums, actions: ColumnSums, zero_rows: np.ndarray
    ) -> "ShardedTrajectories":
        """Return the same rows in other episodes.

        Args:
            start: `[E]` int64, first row of each episode.
            states: Sums of the states.
            actions: Sums of the actions of all steps.
            zero_rows: Sorted numbers of rows whose actions become zero.
        """
        other = copy.copy(self)
        other.start = start
        other.length = np.diff(start, append=len(self.state))
        other.state_sums = states
        other.action_sums = actions
        other.action = MappedRows([folder / ACTION for folder in self._folders], zero_rows)
        return other

    def _load(self, name: str) -> np.ndarray:
        try:
            return np.load(self.directory / name, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UserError(f"{self.directory / name} cannot be read: {one_line(error)}") from error

    def _check_sizes(self) -> None:
        rows = list(self.manifest.rows)
        sizes = [self.state.rows, self.action.rows]
        if sizes != [rows, rows] or self.length.sum() != sum(rows):
            raise UserError(f"{self.directory} is damaged: its files hold {sizes} rows, not {rows}")

    @property
    def state_columns(self) -> Columns:
        """Statistics of the states."""
        return _columns(self.state_sums)

    @property
    def action_columns(self) -> Columns:
        """Statistics of the actions of all steps."""
        return _columns(self.action_sums)

    def goal_grid(self) -> Grid | None:
        """Return the grid of the states in the goal's dimensions, if there is one."""
        dims = list(self.layout.goal_dims)
        columns = self.state_columns
        bits = self._load(GRID)
        low = columns.low[dims]
        return Grid.unpack(bits, low=low, high=columns.high[dims], count=len(self.state))

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the states and actions of these rows."""
        return self.state.take(rows), self.action.take(rows)

    @property
    def data_bytes(self) -> int:
        """Size of states and actions."""
        return 4 * len(self.state) * (self.state.columns + self.action.columns)

    def load(self) -> Trajectories:
        """Return the dataset in memory, without rewards.

        Raises:
            UserError: If a shard is damaged. Streams do not check this, which takes as long as
                reading everything.
        """
        for folder in self._folders:
            if not is_intact(folder, read_record(folder / RECORD, ShardRecord).files):
                raise _damaged(folder)
        return Trajectories(
            state=np.concatenate(list(self.state.blocks())),
            action=np.concatenate(list(self.action.blocks())),
            start=self.start,
            length=self.length,
            goal_intervals=self.goal_intervals,
            layout=self.layout,
            dataset_id=self.dataset_id,
            fingerprint=self.fingerprint,
        )


def _damaged(directory: Path) -> UserError:
    return UserError(
        f"{directory} is damaged; repair it with the dfplan dataset shard command that wrote it"
    )


def _columns(sums: ColumnSums) -> Columns:
    columns = sums.columns()
    # The extremes of float32 numbers; as such, they give the same results as those of the data.
    return columns._replace(
        low=columns.low.astype(np.float32), high=columns.high.astype(np.float32)
    )
