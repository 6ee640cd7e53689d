"""Pursue planned states of a PointMaze at full force: the plan's path, not its clock."""

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

SAMPLE_EVERY = 3
"""Control steps between samples of the path, at most: 0.16 m at full speed."""
SLACK = 0.1
"""Metres within which two distances count as equal."""
Array = Any
"""NumPy's, or JAX's where `xp` is `jax.numpy`."""
SETTLE = 0.04
"""Seconds in which the last centimetres are driven, so that rest is not bang-bang."""


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
    """Action that drives the ball along a plan's path as fast as it goes.

    Plans learned from data are as slow as the data's controller, so their velocities only shape the
    path: a cubic Hermite spline through positions and velocities. The ball steers straight for the
    point `lookahead` metres further on the path than itself, each axis as fast as it can be and
    still stop there; so it brakes for a corner's one leg while it speeds up for the other. Once
    that point is past the path's first within `hold_radius` of the goal, or the ball is that near,
    it steers for the goal and rests there; without a goal, at the path's end.

    Where the ball stands on the path is the last point within `skip_radius`: a detour that comes
    back to the ball is left out, and one that comes back on itself cannot hold the ball at its
    turn. Where there is none, it is the nearest point, and of equally near ones the first. A wall
    is too thick for either to reach over.

    Args:
        states: [B, T, 4] planned x, y, vx, vy in SI units, one every `stride` control steps.
        stride: control steps between tokens.
        elapsed: [B] or scalar, control steps since states[:, 0]; without effect.
        state: [B, 4] present state.
        goal: [B, 2] in metres, or None.
        xp: `numpy`, or `jax.numpy` where JAX compiles this.
        lookahead: metres along the path, of its faster axis, at full speed; half as many at rest.
            From 0.6 on there is no braking on a straight line; more cuts corners more.
        skip_radius: metres.
        hold_radius: metres.

    Returns:
        action [B, 2], float32, in [-1, 1].

    Raises:
        ValueError: if `states` is not [B, T, 4] or `stride` is not positive.
    """
    states, state = check_plan(states, stride, xp), xp.asarray(state, dtype=float)
    path, position = sample_path(states, stride, xp), state[:, :2]
    here = _locate(xp, _distance(xp, path, position), skip_radius)
    # A slow ball may be leaning on a wall that lies between it and the far target.
    pace = xp.minimum(xp.abs(state[:, 2:]).max(axis=1) / MAX_SPEED, 1.0)
    target, index = _ahead(xp, path, here, lookahead * (1 + pace) / 2)
    if goal is not None:
        goal = xp.asarray(goal, dtype=float)
        near = _distance(xp, path, goal) <= hold_radius
        arrived = near.any(axis=1) & (index >= near.argmax(axis=1))
        arrived |= xp.linalg.norm(position - goal, axis=1) <= hold_radius
        target = xp.where(arrived[:, None], goal, target)
    return _drive(xp, target - position, state[:, 2:])


def sample_path(states: Array, stride: int, xp: ModuleType = np) -> Array:
    """Positions on the cubic Hermite spline through a plan's tokens, and the last token's.

    Args:
        states: [B, T, 4] planned x, y, vx, vy in SI units.
        stride: control steps between tokens.
        xp: `numpy` or `jax.numpy`.

    Returns:
        [B, 2, N] x and y in metres, N = (T - 1) ceil(stride / 3) + 1.
    """
    batch, count = len(states), math.ceil(stride / SAMPLE_EVERY)
    s = np.arange(count) / count
    basis = np.stack([(1 + 2 * s) * (1 - s) ** 2, s * s * (3 - 2 * s), s * (1 - s) ** 2])
    basis = np.concatenate([basis, [s * s * (s - 1)]])
    columns = states.swapaxes(1, 2)
    p, v = columns[:, :2], columns[:, 2:] * (stride * DT)
    knots = xp.stack([p[..., :-1], p[..., 1:], v[..., :-1], v[..., 1:]], axis=-1)
    samples = (knots.reshape(-1, 4) @ basis).reshape(batch, 2, -1)
    return xp.concatenate([samples, p[..., -1:]], axis=2)


def _distance(xp: ModuleType, path: Array, point: Array) -> Array:
    """Metres [B, N] from a point [B, 2] to each sample of a path [B, 2, N]."""
    x, y = path[:, 0] - point[:, :1], path[:, 1] - point[:, 1:]
    return xp.sqrt(x * x + y * y)


def _locate(xp: ModuleType, distance: Array, radius: float) -> Array:
    """Index [B] of the sample at which the ball stands, from its distances [B, N] to all."""
    within = distance <= radius
    last = distance.shape[1] - 1 - within[:, ::-1].argmax(axis=1)
    # The first part of the path that comes about as near as any, at its nearest sample.
    padded = xp.pad(distance, ((0, 0), (1, 1)), constant_values=xp.inf)
    lowest = (distance <= padded[:, :-2]) & (distance <= padded[:, 2:])
    lowest &= distance <= distance.min(axis=1, keepdims=True) + SLACK
    return xp.where(within.any(axis=1), last, lowest.argmax(axis=1))


def _ahead(xp: ModuleType, path: Array, here: Array, lookahead: Array) -> tuple[Array, Array]:
    """The point [B, 2] `lookahead` [B] metres after sample `here` [B], at most the path's last.

    Also the index [B] of the first sample that is as far. Lengths are those of the faster axis,
    which tell the time that they take.
    """
    steps = xp.abs(xp.diff(path, axis=2))
    length = xp.cumsum(xp.maximum(steps[:, 0], steps[:, 1]), axis=1)
    length = xp.concatenate([xp.zeros((len(path), 1)), length], axis=1)
    rows = xp.arange(len(path))
    wanted = xp.minimum(length[rows, here] + lookahead, length[:, -1])
    index = (length >= wanted[:, None]).argmax(axis=1)
    before = xp.maximum(index - 1, 0)
    gap = length[rows, index] - length[rows, before]
    part = (length[rows, index] - wanted) / xp.where(gap > 0, gap, 1.0)
    end, start = path[rows, :, index], path[rows, :, before]
    return end + part[:, None] * (start - end), index


def _drive(xp: ModuleType, offset: Array, velocity: Array) -> Array:
    """Action [B, 2] straight towards a target at `offset` [B, 2] metres, to be at rest there."""
    gap = xp.abs(offset)
    longest = gap.max(axis=1, keepdims=True)
    share = gap / xp.where(longest > 0, longest, 1.0)
    speed = xp.copysign(xp.minimum(TOP_SPEED * share, _stopping_speed(xp, gap)), offset)
    # The force that makes it the speed after this step: MuJoCo's Euler step, damping implicit.
    velocity = xp.clip(velocity, -MAX_SPEED, MAX_SPEED)
    force = (MASS * (speed - velocity)) / DT + DAMPING * speed
    return xp.clip(force / FORCE, -1.0, 1.0).astype(xp.float32)


def _stopping_speed(xp: ModuleType, gap: Array) -> Array:
    """The highest speed from which an axis stops within `gap` metres, steps being discrete."""
    half = ACCELERATION * DT / 2
    return xp.minimum(xp.sqrt(half**2 + 2 * ACCELERATION * gap) - half, gap / SETTLE)
