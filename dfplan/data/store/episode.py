"""One episode as it is stored."""

import dataclasses
from typing import Any

import numpy as np

from dfplan.types import UserError

STEP_ARRAYS = ("rewards", "terminations", "truncations")


@dataclasses.dataclass(frozen=True)
class Episode:
    """One episode at its stored precision; an episode of n steps has n + 1 observations.

    The arrays of rewards and ends are None if they were not read.

    Attributes:
        id: Index in the dataset.
        observations: Array `[n+1, ...]`, or a dict of such arrays.
        actions: `[n, ...]`.
        rewards: `[n]`.
        terminations: `[n]`, whether the step terminated the episode.
        truncations: `[n]`, whether the step truncated the episode.

    Raises:
        UserError: If the episode does not have one reward, termination and truncation per step.
    """

    id: int
    observations: Any
    actions: Any
    rewards: np.ndarray | None = None
    terminations: np.ndarray | None = None
    truncations: np.ndarray | None = None

    def __post_init__(self):
        for name in STEP_ARRAYS:
            array = getattr(self, name)
            if array is None:
                continue
            if array.shape not in ((len(self),), (len(self), 1)):
                raise UserError(
                    f"episode {self.id} has {len(self)} steps and {name} of shape {array.shape}; "
                    "needed: one per step"
                )
            object.__setattr__(self, name, array.reshape(len(self)))

    def __len__(self) -> int:
        return len(self.actions)
