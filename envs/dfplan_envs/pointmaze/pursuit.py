"""A full-force tracker for PointMaze: it follows a plan's path, not its timing."""

import math
from types import ModuleType
from typing import Any

import numpy as np

from dfplan_envs.pointmaze.ball import (
    ACCELERATION,
    DAMPING,
    DT,
    FORCE,
    MASS,
    MAX_SPEED,
    TOP_SPEED,
)
from dfplan_envs.pointmaze.tracking import check_plan

Array = Any
"""A NumPy array, or a JAX array where `xp` is `jax.numpy`."""
SAMPLE_EVERY = 3
"""Maximum number of control steps between path samples: 0.16 m at full speed."""
DISTANCE_TOLERANCE = 0.1
"""Difference in meters up to which two distances count as equal."""
SETTLE_TIME = 0.04
"""Time constant of the final approach in seconds; it avoids bang-bang control at rest."""


def track(
    states: Array,
    stride: int,
    elapsed: Array | int,
    state: Array,
    goal: Array | None = None,
    *,
    xp: ModuleType = np,
    lookahead: float = 1.2,
    skip_radius: float = 0.25,
    hold_radius: float = 0.5,
) -> Array:
    """Compute the action that drives the ball along a plan's path as fast as possible.

    Plans learned from data are as slow as the controller that collected the data, so their
    velocities only shape the path: a cubic Hermite spline through positions and velocities. The
    ball steers straight for the path point `lookahead` meters ahead of it, each axis as fast as it
    can move and still stop there; at a corner it therefore brakes along one axis while it
    accelerates along the other. Once that point is past the path's first sample within
    `hold_radius` of the goal, or the ball itself is that near, the ball steers for the goal and
    rests there; without a goal, it rests at the end of the path.

    The ball's place on the path is the last sample within `skip_radius`. A detour that returns to
    the ball is thereby skipped, and a path that doubles back cannot hold the ball at its turning
    point. If no sample is within `skip_radius`, the place is the nearest sample, and the first one
    among equally near samples. Walls are too thick for either rule to reach across.

    Args:
        states: [B, T, 4] planned x, y, vx, vy in SI units, one token every `stride` control steps.
        stride: Control steps between tokens.
        elapsed: [B] or scalar, control steps since states[:, 0]; ignored.
        state: [B, 4] current state.
        goal: [B, 2] goal position in meters, or None.
        xp: `numpy`, or `jax.numpy` to compile the tracker with JAX.
        lookahead: Lookahead at full speed in meters along the path, measured on its faster axis;
            half of it at rest. From 0.6 on the ball never brakes on a straight line; larger values
            cut corners more.
        skip_radius: Distance in meters within which detours are skipped.
        hold_radius: Distance to the goal in meters within which the ball steers for the goal.

    Returns:
        [B, 2] action in [-1, 1], float32.

    Raises:
        ValueError: If `states` is not [B, T, 4] or `stride` is not positive.
    """
    states = check_plan(states, stride, xp)
    state = xp.asarray(state, dtype=float)
    path = sample_path(states, stride, xp)
    position = state[:, :2]
    index = _index_on_path(xp, _distance(xp, path, position), skip_radius)
    # A slow ball may be leaning on a wall that lies between it and a distant target.
    pace = xp.minimum(xp.abs(state[:, 2:]).max(axis=1) / MAX_SPEED, 1.0)
    target, target_index = _point_ahead(xp, path, index, lookahead=lookahead * (1 + pace) / 2)
    if goal is not None:
        goal = xp.asarray(goal, dtype=float)
        near_goal = _distance(xp, path, goal) <= hold_radius
        at_goal = near_goal.any(axis=1) & (target_index >= near_goal.argmax(axis=1))
        at_goal |= xp.linalg.norm(position - goal, axis=1) <= hold_radius
        target = xp.where(at_goal[:, None], goal, target)
    return _steer(xp, target - position, state[:, 2:])


def sample_path(states: Array, stride: int, xp: ModuleType = np) -> Array:
    """Sample positions on the cubic Hermite spline through a plan's tokens.

    Args:
        states: [B, T, 4] planned x, y, vx, vy in SI units.
        stride: Control steps between tokens.
        xp: `numpy` or `jax.numpy`.

    Returns:
        [B, 2, N] x and y in meters, N = (T - 1) ceil(stride / 3) + 1; the last sample is the last
        token.
    """
    batch = len(states)
    count = math.ceil(stride / SAMPLE_EVERY)
    s = np.arange(count) / count
    basis = np.stack(
        [
            (1 + 2 * s) * (1 - s) ** 2,
            s * s * (3 - 2 * s),
            s * (1 - s) ** 2,
            s * s * (s - 1),
        ]
    )
    columns = states.swapaxes(1, 2)
    position = columns[:, :2]
    velocity = columns[:, 2:] * (stride * DT)
    knots = xp.stack(
        [position[..., :-1], position[..., 1:], velocity[..., :-1], velocity[..., 1:]], axis=-1
    )
    samples = (knots.reshape(-1, 4) @ basis).reshape(batch, 2, -1)
    return xp.concatenate([samples, position[..., -1:]], axis=2)


def _distance(xp: ModuleType, path: Array, point: Array) -> Array:
    """Compute the distance [B, N] in meters from a point [B, 2] to each sample of [B, 2, N]."""
    x = path[:, 0] - point[:, :1]
    y = path[:, 1] - point[:, 1:]
    return xp.sqrt(x * x + y * y)


def _index_on_path(xp: ModuleType, distance: Array, radius: float) -> Array:
    """Return the index [B] of the ball's place on the path, from its distances [B, N]."""
    within = distance <= radius
    last_within = distance.shape[1] - 1 - within[:, ::-1].argmax(axis=1)
    # Otherwise the first local minimum that is about as near as the nearest sample.
    edge = xp.full((len(distance), 1), xp.inf)
    padded = xp.concatenate([edge, distance, edge], axis=1)
    nearest = (distance <= padded[:, :-2]) & (distance <= padded[:, 2:])
    nearest &= distance <= distance.min(axis=1, keepdims=True) + DISTANCE_TOLERANCE
    return xp.where(within.any(axis=1), last_within, nearest.argmax(axis=1))


def _point_ahead(
    xp: ModuleType, path: Array, index: Array, lookahead: Array
) -> tuple[Array, Array]:
    """Return the point [B, 2] `lookahead` [B] meters past sample `index` [B] on the path.

    The point is at most the last sample. Also returns the index [B] of the first sample at or past
    the point. Lengths are measured on the faster axis, which determines the travel time.
    """
    steps = xp.abs(xp.diff(path, axis=2))
    length = xp.cumsum(xp.maximum(steps[:, 0], steps[:, 1]), axis=1)
    length = xp.concatenate([xp.zeros((len(path), 1)), length], axis=1)
    rows = xp.arange(len(path))
    target_length = xp.minimum(length[rows, index] + lookahead, length[:, -1])
    right = (length >= target_length[:, None]).argmax(axis=1)
    left = xp.maximum(right - 1, 0)
    gap = length[rows, right] - length[rows, left]
    fraction = (length[rows, right] - target_length) / xp.where(gap > 0, gap, 1.0)
    start = path[rows, :, left]
    end = path[rows, :, right]
    return end + fraction[:, None] * (start - end), right


def _steer(xp: ModuleType, offset: Array, velocity: Array) -> Array:
    """Compute the action [B, 2] that drives straight to a target and comes to rest there.

    Args:
        xp: `numpy` or `jax.numpy`.
        offset: [B, 2] target minus ball position in meters.
        velocity: [B, 2] ball velocity in meters per second.
    """
    gap = xp.abs(offset)
    largest_gap = gap.max(axis=1, keepdims=True)
    ratio = gap / xp.where(largest_gap > 0, largest_gap, 1.0)
    speed = xp.copysign(xp.minimum(TOP_SPEED * ratio, _stopping_speed(xp, gap)), offset)
    # The force that gives this speed after the step: MuJoCo's Euler step with implicit damping.
    velocity = xp.clip(velocity, -MAX_SPEED, MAX_SPEED)
    force = (MASS * (speed - velocity)) / DT + DAMPING * speed
    return xp.clip(force / FORCE, -1.0, 1.0).astype(xp.float32)


def _stopping_speed(xp: ModuleType, gap: Array) -> Array:
    """Return the top speed from which an axis stops within `gap` meters, in discrete steps."""
    half_step = ACCELERATION * DT / 2
    return xp.minimum(xp.sqrt(half_step**2 + 2 * ACCELERATION * gap) - half_step, gap / SETTLE_TIME)
