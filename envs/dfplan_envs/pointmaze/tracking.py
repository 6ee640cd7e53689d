"""A PD tracker for PointMaze that follows a plan with its timing, with lookahead."""

from types import ModuleType
from typing import Any

import numpy as np

from dfplan_envs.pointmaze.ball import DT


def track(
    states: np.ndarray,
    stride: int,
    elapsed: np.ndarray | int,
    state: np.ndarray,
    goal: np.ndarray | None = None,
    *,
    xp: ModuleType = np,
    kp: float = 12.5,
    kd: float = 1.2,
    lookahead: float = 16,
    hold_radius: float = 0.4,
    dt: float = DT,
) -> np.ndarray:
    """Compute the action that steers the ball along a plan.

    The plan is interpolated by cubic Hermite splines through positions and velocities. The ball
    steers for the point `lookahead` control steps ahead of it on the plan, at most the last token:
    action = clip(kp (p* - p) + kd (v* - v), -1, 1). Within `hold_radius` of the goal it steers for
    the goal at rest.

    Args:
        states: [B, T, 4] planned x, y, vx, vy in SI units, one token every `stride` control steps.
        stride: Control steps between tokens.
        elapsed: [B] or scalar, control steps since states[:, 0].
        state: [B, 4] current state.
        goal: [B, 2] goal position in meters, or None.
        xp: `numpy`, or `jax.numpy` to compile the tracker with JAX.
        kp: Position gain, force (100 N) per meter.
        kd: Velocity gain, force (100 N) per meter per second.
        lookahead: Lookahead in control steps.
        hold_radius: Distance to the goal in meters within which the ball steers for the goal.
        dt: Seconds per control step.

    Returns:
        [B, 2] action in [-1, 1], float32.

    Raises:
        ValueError: If `states` is not [B, T, 4] or `stride` is not positive.
    """
    states = check_plan(states, stride, xp)
    state = xp.asarray(state, dtype=float)
    time = (xp.broadcast_to(elapsed, len(states)) + lookahead) / stride
    target = interpolate(states, time, stride * dt, xp)
    if goal is not None:
        goal = xp.asarray(goal, dtype=float)
        near_goal = xp.linalg.norm(state[:, :2] - goal, axis=-1, keepdims=True) <= hold_radius
        goal_at_rest = xp.concatenate([goal, xp.zeros_like(goal)], axis=-1)
        target = xp.where(near_goal, goal_at_rest, target)
    error = target - state
    return xp.clip(kp * error[:, :2] + kd * error[:, 2:], -1.0, 1.0).astype(xp.float32)


def check_plan(states: Any, stride: int, xp: ModuleType = np) -> Any:
    """Convert planned states [B, T, 4] to floats of `xp` (float64 in NumPy), after a check.

    Raises:
        ValueError: If `states` is not [B, T, 4] or `stride` is not positive.
    """
    states = xp.asarray(states, dtype=float)
    if states.ndim != 3 or states.shape[1] < 1 or states.shape[2] != 4:
        raise ValueError(f"states must be [B, T, 4], got shape {states.shape}")
    if stride <= 0:
        raise ValueError(f"stride must be positive, got {stride}")
    return states


def interpolate(states: Any, time: Any, interval: float, xp: ModuleType = np) -> Any:
    """Interpolate plans by cubic Hermite splines, each at its own time.

    Args:
        states: [B, T, 4] positions and velocities.
        time: [B] times in tokens, clipped to 0 .. T - 1.
        interval: Seconds between tokens.
        xp: `numpy` or `jax.numpy`.

    Returns:
        [B, 4] positions and velocities.
    """
    last = states.shape[1] - 1
    if last == 0:
        return states[:, 0]
    time = xp.clip(time, 0, last)
    left = xp.minimum(time.astype(int), last - 1)
    s = (time - left)[:, None]
    rows = np.arange(len(states))
    p0 = states[rows, left, :2]
    p1 = states[rows, left + 1, :2]
    v0 = states[rows, left, 2:] * interval
    v1 = states[rows, left + 1, 2:] * interval
    # The cubic a s^3 + b s^2 + v0 s + p0.
    a = 2 * (p0 - p1) + v0 + v1
    b = 3 * (p1 - p0) - 2 * v0 - v1
    position = ((a * s + b) * s + v0) * s + p0
    velocity = ((3 * a * s + 2 * b) * s + v0) / interval
    return xp.concatenate([position, velocity], axis=-1)
