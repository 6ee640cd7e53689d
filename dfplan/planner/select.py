"""Choosing among candidate plans: who reaches the goal soonest, where the data has been."""

import jax.numpy as jnp
from jaxtyping import Float

from dfplan.planner.support import DataSupport
from dfplan.types import Array

POINTS = 4
"""Points at which the way from one token to the next is looked at."""


def arrival(
    position: Float[Array, "*b T G"], goal: Float[Array, "*b G"], tolerance: float
) -> Float[Array, "*b"]:
    """Token index, interpolated, at which a plan first comes within `tolerance` of the goal.

    A plan that never does is given T plus a fraction that grows with the distance left, so that
    the nearer of two failures is preferred.

    Args:
        position: the plan in the goal's dimensions, the present first.
        goal: the goal, same units.
        tolerance: same units.
    """
    distance = jnp.linalg.norm(position - goal[..., None, :], axis=-1)
    inside = distance <= tolerance
    first = jnp.argmax(inside, axis=-1)
    at = jnp.take_along_axis(distance, first[..., None], -1)[..., 0]
    before = jnp.take_along_axis(distance, jnp.maximum(first - 1, 0)[..., None], -1)[..., 0]
    back = jnp.where(first > 0, (tolerance - at) / jnp.maximum(before - at, 1e-6), 0.0)
    # A plan that ran off to infinity, or to no number at all, is the worst of failures.
    never = position.shape[-2] + 1 - jnp.nan_to_num(1 / (1 + distance[..., -1]))
    return jnp.where(inside.any(-1), first - jnp.clip(back, 0.0, 1.0), never)


def between(plan: Float[Array, "*b T S"], stride: int) -> Float[Array, "*b L S"]:
    """The plan at every control step, on straight lines from token to token: L = (T-1) stride + 1.

    Args:
        plan: states, one a token.
        stride: control steps per token.
    """
    share = jnp.arange(1, stride + 1)[:, None] / stride
    begin, end = plan[..., :-1, None, :], plan[..., 1:, None, :]
    way = (begin + share * (end - begin)).reshape(*plan.shape[:-2], -1, plan.shape[-1])
    return jnp.concatenate([plan[..., :1, :], way], axis=-2)


def outside(
    position: Float[Array, "*b T G"], arrival: Float[Array, "*b"], support: DataSupport
) -> Float[Array, "*b"]:
    """Tokens' worth of way that a plan spends, up to its arrival, where the data has never been.

    Args:
        position: the plan in the goal's dimensions, the present first.
        arrival: token index, see `arrival`.
        support: where the data has been.
    """
    share = jnp.arange(1, POINTS + 1)[:, None] / POINTS
    begin, end = position[..., :-1, None, :], position[..., 1:, None, :]
    away = 1.0 - support.contains(begin + share * (end - begin)).mean(axis=-1)
    before = jnp.arange(away.shape[-1]) < arrival[..., None]
    return jnp.where(before, away, 0.0).sum(axis=-1)


def hold(plan: Float[Array, "*b T S"], count: Float[Array, "#*b"]) -> Float[Array, "*b T S"]:
    """The plan up to token `count` (rounded up), and that token again and again after it."""
    tokens = plan.shape[-2]
    count = jnp.broadcast_to(count, plan.shape[:-2])
    last = jnp.clip(jnp.ceil(count), 0, tokens - 1).astype(jnp.int32)
    index = jnp.minimum(jnp.arange(tokens), last[..., None])
    return jnp.take_along_axis(plan, index[..., None], axis=-2)
