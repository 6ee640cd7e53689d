"""The T-maze's tracker: PointMaze's PD tracker, applied to states without the cue."""

from types import ModuleType

import numpy as np

from dfplan_envs.pointmaze import tracking

MOTION_DIMS = 4
"""Number of leading state dimensions that describe motion: x, y, vx, vy."""


def track(
    states: np.ndarray,
    stride: int,
    elapsed: np.ndarray | int,
    state: np.ndarray,
    goal: np.ndarray | None = None,
    *,
    xp: ModuleType = np,
    **settings: float,
) -> np.ndarray:
    """Compute the action that steers the ball along a plan, with the plan's timing.

    Arguments, result and errors are those of `dfplan_envs.pointmaze.tracking.track`, except that
    `states` is [B, T, 5] and `state` is [B, 5]; the last dimension is the cue, which is ignored.
    """
    return tracking.track(
        states=states[..., :MOTION_DIMS],
        stride=stride,
        elapsed=elapsed,
        state=state[..., :MOTION_DIMS],
        goal=goal,
        xp=xp,
        **settings,
    )
