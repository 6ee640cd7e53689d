"""Choosing among candidate plans: who reaches the goal soonest."""

import jax.numpy as jnp
from jaxtyping import Float

from dfplan.types import Array


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
