"""Costs of plans: differentiable functions `(states [B, T, S], goal [B, G] | None) -> [B]`.

States and goals are in SI units. Costs add up: `total(a, b)` is a cost. Lower is better. Each is a
pytree whose leaves are its numbers, so that other numbers (an obstacle that moved) compile nothing.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from dfplan.types import Array, Cost, UserError


def goal_distance(goal_dims: tuple[int, ...]) -> Cost:
    """Summed squared distance of every state to the goal.

    So the Diffusion Forcing code guides all future tokens (after Janner et al. 2022, section 5.1).

    Raises:
        UserError: when it is called without a goal.
    """
    return _cost(_goal_distance, dims=goal_dims)


def smoothness(dims: Sequence[int]) -> Cost:
    """Mean squared second difference of the given state dimensions; 0 below three states."""
    return _cost(_smoothness, dims=dims)


def discs(dims: Sequence[int], centers: Array, radius: float | Array) -> Cost:
    """Squared depth of every state inside discs, summed.

    Args:
        dims: of the position in the state; three of them make the discs balls.
        centers: `[K, len(dims)]`, or one.
        radius: of all, or `[K]`.

    Raises:
        UserError: when the centers have another number of coordinates.
    """
    centers = jnp.atleast_2d(jnp.asarray(centers, jnp.float32))
    _check_points("centers", centers, dims)
    radius = jnp.broadcast_to(jnp.asarray(radius, jnp.float32), centers.shape[:1])
    return _cost(_discs, centers, radius, dims=dims)


def keep_out(dims: Sequence[int], low: Array, high: Array) -> Cost:
    """Squared depth of every state inside a box, from its nearest face, summed.

    Args:
        dims: of the position in the state.
        low, high: the box's corners, one number per dimension; infinite ones leave a side open.

    Raises:
        UserError: when a corner has another number of coordinates, or `low` is not below `high`.
    """
    low, high = (jnp.asarray(a, jnp.float32) for a in (low, high))
    _check_points("low", low, dims)
    _check_points("high", high, dims)
    if not (low < high).all():
        raise UserError(f"low {low.tolist()} is not below high {high.tolist()}")
    return _cost(_keep_out, low, high, dims=dims)


def speed_limit(dims: Sequence[int], limit: float) -> Cost:
    """Squared speed above a limit of every state, summed.

    Args:
        dims: of the velocity in the state.
        limit: of its norm.
    """
    return _cost(_speed_limit, jnp.float32(limit), dims=dims)


def waypoints(dims: Sequence[int], points: Array) -> Cost:
    """Squared distance at which each point is passed, in the points' order, summed.

    Every point is given the state that passes it nearest, such that no point's state comes before
    the state of the point before it and the sum is least.

    Args:
        dims: of the position in the state.
        points: `[K, len(dims)]`, or one.

    Raises:
        UserError: when the points have another number of coordinates.
    """
    points = jnp.atleast_2d(jnp.asarray(points, jnp.float32))
    _check_points("points", points, dims)
    return _cost(_waypoints, points, dims=dims)


def total(*costs: Cost) -> Cost:
    """The sum of costs."""
    return Partial(_total, *map(as_cost, costs))


def scaled(cost: Cost, weight: float) -> Cost:
    """A cost, `weight` times as dear."""
    return Partial(_scaled, jnp.float32(weight), as_cost(cost))


def as_cost(function: Callable) -> Cost:
    """A function as a cost that may enter a compiled program."""
    return function if isinstance(function, Partial) else Partial(function)


def _cost(function: Callable, *numbers: Array, dims: Sequence[int]) -> Cost:
    return Partial(function, jnp.asarray(dims, jnp.int32), *numbers)


def _check_points(name: str, points: Array, dims: Sequence[int]) -> None:
    if points.shape[-1:] != (len(dims),):
        raise UserError(f"{name} {points.tolist()} needs {len(dims)} coordinates, as dims {dims}")


def _at(states: Array, dims: Array) -> Array:
    """The given dimensions; one that does not exist is NaN, not the last one."""
    return states.at[..., dims].get(mode="fill", fill_value=jnp.nan)


def _goal_distance(dims: Array, states: Array, goal: Array | None) -> Array:
    if goal is None:
        raise UserError("goal_distance prices the way to a goal; give it one")
    return jnp.sum((_at(states, dims) - goal[:, None]) ** 2, axis=(1, 2))


def _smoothness(dims: Array, states: Array, goal: Array | None) -> Array:
    bend = jnp.diff(_at(states, dims), n=2, axis=1)
    return jnp.sum(bend**2, axis=(1, 2)) / max(bend.shape[1], 1)


def _discs(dims: Array, centers: Array, radius: Array, states: Array, goal: Array | None) -> Array:
    # The root's gradient is infinite at a centre; there the cost pushes nowhere instead.
    square = jnp.sum((_at(states, dims)[..., None, :] - centers) ** 2, axis=-1)
    return jnp.sum(jnp.maximum(radius - jnp.sqrt(square + 1e-12), 0.0) ** 2, axis=(1, 2))


def _keep_out(dims: Array, low: Array, high: Array, states: Array, goal: Array | None) -> Array:
    position = _at(states, dims)
    depth = jnp.minimum(position - low, high - position).min(axis=-1)
    return jnp.sum(jnp.maximum(depth, 0.0) ** 2, axis=1)


def _speed_limit(dims: Array, limit: Array, states: Array, goal: Array | None) -> Array:
    speed = jnp.sqrt(jnp.sum(_at(states, dims) ** 2, axis=-1) + 1e-12)
    return jnp.sum(jnp.maximum(speed - limit, 0.0) ** 2, axis=1)


def _waypoints(dims: Array, points: Array, states: Array, goal: Array | None) -> Array:
    square = jnp.sum((_at(states, dims)[..., None, :] - points) ** 2, axis=-1)

    def one_more(best, square):
        """The least sum up to each state, once one more point is given one."""
        return jax.lax.cummin(best + square, axis=1), None

    nothing = jnp.zeros(square.shape[:2])
    best, _ = jax.lax.scan(one_more, nothing, jnp.moveaxis(square, -1, 0))
    return best[:, -1]


def _total(*arguments) -> Array:
    *costs, states, goal = arguments
    return sum((cost(states, goal) for cost in costs), jnp.zeros(states.shape[0]))


def _scaled(weight: Array, cost: Cost, states: Array, goal: Array | None) -> Array:
    return weight * cost(states, goal)
