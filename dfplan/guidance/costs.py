"""Costs of plans: differentiable functions `(states [B, T, S], goal [B, G] | None) -> [B]`.

States and goals are in SI units and in the local coordinates of the layout (see
`dfplan.representation.layout.Layout`); lower is better. Costs add up: `total(a, b)` is a cost. Each
is a pytree whose leaves are its numbers, so that changing a number, such as the position of a
moving obstacle, does not recompile anything.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from dfplan.types import Array, Cost, UserError


def goal_distance(goal_dims: tuple[int, ...]) -> Cost:
    """Return the cost: squared distance of every state to the goal, summed.

    The Diffusion Forcing code guides all future tokens this way (after Janner et al. 2022, section
    5.1).

    Args:
        goal_dims: State dimensions that form the goal.

    Raises:
        UserError: If the cost is evaluated without a goal.
    """
    return _cost(_goal_distance, dims=goal_dims)


def smoothness(dims: Sequence[int]) -> Cost:
    """Return the cost: mean squared second difference of states; 0 for fewer than three states.

    Args:
        dims: State dimensions to include.
    """
    return _cost(_smoothness, dims=dims)


def discs(dims: Sequence[int], centers: Array, radius: float | Array) -> Cost:
    """Return the cost: squared depth of every state inside discs, summed.

    Args:
        dims: State dimensions of the position; with three of them the discs are balls.
        centers: Centers `[K, len(dims)]`, or a single one.
        radius: Radii `[K]`, or one for all.

    Raises:
        UserError: If the number of coordinates is not that of `dims`.
    """
    centers = jnp.atleast_2d(jnp.asarray(centers, jnp.float32))
    _check_points("centers", centers, dims)
    radius = jnp.broadcast_to(jnp.asarray(radius, jnp.float32), centers.shape[:1])
    return _cost(_discs, centers, radius, dims=dims)


def keep_out(dims: Sequence[int], low: Array, high: Array) -> Cost:
    """Return the cost: squared depth of every state inside a box, from its nearest face, summed.

    Args:
        dims: State dimensions of the position.
        low: Lower corner, one number per dimension; an infinite one leaves that side open.
        high: Upper corner, as `low`.

    Raises:
        UserError: If the number of coordinates is not that of `dims`, or `low` is not below `high`.
    """
    low = jnp.asarray(low, jnp.float32)
    high = jnp.asarray(high, jnp.float32)
    _check_points("low", low, dims)
    _check_points("high", high, dims)
    if not (low < high).all():
        raise UserError(f"low {low.tolist()} is not below high {high.tolist()}")
    return _cost(_keep_out, low, high, dims=dims)


def speed_limit(dims: Sequence[int], limit: float) -> Cost:
    """Return the cost: squared speed of every state above a limit, summed.

    Args:
        dims: State dimensions of the velocity.
        limit: Limit of the velocity's norm.
    """
    return _cost(_speed_limit, jnp.float32(limit), dims=dims)


def waypoints(dims: Sequence[int], points: Array) -> Cost:
    """Return the cost: squared distance at which each point is passed, in order, summed.

    Each point is matched to a state so that the matched states are in the order of the points and
    the sum is minimal.

    Args:
        dims: State dimensions of the position.
        points: Points `[K, len(dims)]`, or a single one.

    Raises:
        UserError: If the number of coordinates is not that of `dims`.
    """
    points = jnp.atleast_2d(jnp.asarray(points, jnp.float32))
    _check_points("points", points, dims)
    return _cost(_waypoints, points, dims=dims)


def total(*costs: Cost) -> Cost:
    """Return the sum of costs."""
    return Partial(_total, *map(as_cost, costs))


def scaled(cost: Cost, weight: float) -> Cost:
    """Return a cost multiplied by `weight`."""
    return Partial(_scaled, jnp.float32(weight), as_cost(cost))


def as_cost(function: Callable) -> Cost:
    """Wrap a function as a cost that can be passed to compiled functions."""
    return function if isinstance(function, Partial) else Partial(function)


def _cost(function: Callable, *numbers: Array, dims: Sequence[int]) -> Cost:
    return Partial(function, jnp.asarray(dims, jnp.int32), *numbers)


def _check_points(name: str, points: Array, dims: Sequence[int]) -> None:
    if points.shape[-1:] != (len(dims),):
        raise UserError(
            f"{name} {points.tolist()} must have {len(dims)} coordinates, one per dimension of "
            f"dims {dims}"
        )


def _at(states: Array, dims: Array) -> Array:
    """Return the given dimensions; one that does not exist is NaN, not the last one."""
    return states.at[..., dims].get(mode="fill", fill_value=jnp.nan)


def _goal_distance(dims: Array, states: Array, goal: Array | None) -> Array:
    if goal is None:
        raise UserError("goal_distance needs a goal, got None")
    return jnp.sum((_at(states, dims) - goal[:, None]) ** 2, axis=(1, 2))


def _smoothness(dims: Array, states: Array, goal: Array | None) -> Array:
    bend = jnp.diff(_at(states, dims), n=2, axis=1)
    return jnp.sum(bend**2, axis=(1, 2)) / max(bend.shape[1], 1)


def _discs(dims: Array, centers: Array, radius: Array, states: Array, goal: Array | None) -> Array:
    # The root's gradient is infinite at a center; the offset makes it zero there.
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

    def match_next_point(minimal_sum, square):
        """Return the minimal sum up to each state after matching one more point."""
        return jax.lax.cummin(minimal_sum + square, axis=1), None

    zero = jnp.zeros(square.shape[:2], jnp.float32)
    minimal_sum, _ = jax.lax.scan(match_next_point, zero, jnp.moveaxis(square, -1, 0))
    return minimal_sum[:, -1]


def _total(*arguments) -> Array:
    *costs, states, goal = arguments
    return sum((cost(states, goal) for cost in costs), jnp.zeros(states.shape[0], jnp.float32))


def _scaled(weight: Array, cost: Cost, states: Array, goal: Array | None) -> Array:
    return weight * cost(states, goal)
