"""TrainingData: interface of a training dataset, in memory or on disk."""

from typing import Protocol

import numpy as np

from dfplan.representation.columns import Columns
from dfplan.representation.grid import Grid
from dfplan.representation.layout import Layout


class TrainingData(Protocol):
    """A dataset in memory (`Trajectories`) or on disk (`ShardedTrajectories`)."""

    @property
    def start(self) -> np.ndarray:
        """`[E]` int64, first row of each episode."""
        ...

    @property
    def length(self) -> np.ndarray:
        """`[E]` int64, number of rows of each episode."""
        ...

    @property
    def layout(self) -> Layout:
        """Layout by which observations became states."""
        ...

    @property
    def dataset_id(self) -> str:
        """Minari id, or directory of shards."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the arrays, the same in memory and on disk."""
        ...

    @property
    def goal_intervals(self) -> np.ndarray:
        """`[K]`, control steps between consecutive changes of the desired goal."""
        ...

    @property
    def state_columns(self) -> Columns:
        """Statistics of the states."""
        ...

    @property
    def action_columns(self) -> Columns:
        """Statistics of the actions of all steps."""
        ...

    def goal_grid(self) -> Grid | None:
        """Return the grid of the states in the goal's dimensions, if there is one."""
        ...

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the states and actions of these rows."""
        ...
