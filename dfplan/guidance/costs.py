"""Costs of plans: differentiable functions `(states [B, T, S], goal [B, G] | None) -> [B]`.

States and goals are in SI units. Costs add up: `total(a, b)` is a cost. Lower is better.
"""

import jax.numpy as jnp
from jaxtyping import Float

from dfplan.types import Array, Cost, UserError


def goal_distance(goal_dims: tuple[int, ...]) -> Cost:
    """Summed squared distance of every state to the goal.

    So the Diffusion Forcing code guides all future tokens (after Janner et al. 2022, section 5.1).

    Raises:
        UserError: when it is called without a goal.
    """
    dims = jnp.asarray(goal_dims, jnp.int32)

    def cost(states: Float[Array, "B T S"], goal: Float[Array, "B G"] | None) -> Float[Array, "B"]:
        if goal is None:
            raise UserError("goal_distance prices the way to a goal; give it one")
        return jnp.sum((states[..., dims] - goal[:, None]) ** 2, axis=(1, 2))

    return cost


def smoothness(dims: tuple[int, ...]) -> Cost:
    """Mean squared second difference of the given state dimensions; 0 below three states."""
    index = jnp.asarray(dims, jnp.int32)

    def cost(states: Float[Array, "B T S"], goal: Float[Array, "B G"] | None) -> Float[Array, "B"]:
        bend = jnp.diff(states[..., index], n=2, axis=1)
        return jnp.sum(bend**2, axis=(1, 2)) / max(bend.shape[1], 1)

    return cost


def discs(dims: tuple[int, int], centers: Array, radius: float) -> Cost:
    """Squared depth of every state inside discs `centers` `[K, 2]` of `radius`, summed."""
    index = jnp.asarray(dims, jnp.int32)

    def cost(states: Float[Array, "B T S"], goal: Float[Array, "B G"] | None) -> Float[Array, "B"]:
        # The root's gradient is infinite at a centre; there the cost pushes nowhere instead.
        square = jnp.sum((states[..., None, index] - jnp.asarray(centers)) ** 2, axis=-1)
        distance = jnp.sqrt(square + 1e-12)
        return jnp.sum(jnp.maximum(radius - distance, 0.0) ** 2, axis=(1, 2))

    return cost


def total(*costs: Cost) -> Cost:
    """The sum of costs."""

    def cost(states: Float[Array, "B T S"], goal: Float[Array, "B G"] | None) -> Float[Array, "B"]:
        return sum((c(states, goal) for c in costs), jnp.zeros(states.shape[0]))

    return cost
