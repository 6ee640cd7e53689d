"""Chunks of actions: which action belongs to which control step, and when the next chunk is due."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class Chunk(NamedTuple):
    """Actions of consecutive control steps.

    Attributes:
        actions: `[H, A]` actions; the first one answers the observation.
        observed: Control step of the observation that they answer.
        entered: Control step at which the robot began to follow them.
    """

    actions: np.ndarray
    observed: int
    entered: int

    def covers(self, step: int) -> bool:
        """Return whether the chunk holds an action for a control step."""
        return step - self.observed < len(self.actions)

    def action(self, step: int) -> np.ndarray:
        """Return the action for a control step that the chunk covers."""
        return self.actions[step - self.observed]

    def is_due(self, step: int, execute: int) -> bool:
        """Return whether the next chunk should take over.

        Args:
            step: Current control step.
            execute: Control steps to execute from each chunk.
        """
        return step - self.entered >= execute or not self.covers(step)


def read_actions(reply: Any) -> np.ndarray:
    """Return the actions `[H, A]` of a server's reply.

    Raises:
        ValueError: If the reply holds no finite actions of this shape.
    """
    if not isinstance(reply, Mapping) or "actions" not in reply:
        raise ValueError("the reply holds no 'actions'")
    actions = reply["actions"]
    if not isinstance(actions, np.ndarray) or actions.dtype.kind not in "fiu":
        raise ValueError("the actions are not an array of numbers")
    if actions.ndim < 2 or not actions.size:
        raise ValueError(f"the actions have shape {actions.shape} instead of (horizon, action)")
    if not np.isfinite(actions).all():
        raise ValueError("the actions are not finite")
    return actions
