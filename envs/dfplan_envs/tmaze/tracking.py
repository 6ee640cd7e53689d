"""Track planned states of the T-maze: PointMaze's tracker, which knows of no cue."""

import numpy as np

from dfplan_envs.pointmaze import tracking

MOTION = 4
"""Of a state, the first numbers: x, y, vx, vy."""


def track(
    states: np.ndarray,
    stride: int,
    elapsed: np.ndarray | int,
    state: np.ndarray,
    goal: np.ndarray | None = None,
    **settings: float,
) -> np.ndarray:
    """Action that steers the ball along a plan, by its clock.

    Args, returns and raises: as `dfplan_envs.pointmaze.tracking.track`, but for states
    [B, T, 5] and [B, 5] whose last number is the cue.
    """
    return tracking.track(
        states[..., :MOTION], stride, elapsed, state[..., :MOTION], goal, **settings
    )
