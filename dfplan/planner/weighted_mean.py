"""A mean of candidates, weighted by their costs, that takes the place of the best one."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from dfplan.types import Array

MIN_TEMPERATURE = float(np.finfo(np.float32).tiny)
"""Lower bound on the temperature, which keeps weights from becoming NaN."""


def softmin(cost: Float[Array, "B N"], temperature: Float[Array, "B"]) -> Float[Array, "B N"]:
    """Return weights softmax(-cost / temperature), which sum to 1 for each robot."""
    lowest = cost.min(axis=1, keepdims=True)
    excess = jnp.where(cost == lowest, 0.0, cost - lowest)  # 0 even if every cost is infinite
    return jax.nn.softmax(-excess / jnp.maximum(temperature, MIN_TEMPERATURE)[:, None], axis=1)


def replace_best(
    per_candidate: Float[Array, "B N *s"], best: Int[Array, "B"], weight: Float[Array, "B N"]
) -> Float[Array, "B N *s"]:
    """Return the entries with each robot's weighted mean in place of its best candidate.

    Values that all candidates share, such as a prefix, stay exactly the same, because the weighted
    differences from the best candidate are added to it. Candidates with a weight of 0 may be
    infinite or NaN.
    """

    def mean_instead(rows: Array, i: Array, weights: Array) -> Array:
        weights = weights.reshape(-1, *[1] * (rows.ndim - 1))
        offset = jnp.where(weights > 0, weights * (rows - rows[i]), 0.0).sum(axis=0)
        return rows.at[i].add(offset)

    return jax.vmap(mean_instead)(per_candidate, best, weight)
