"""History guidance: pushes a plan away from plans made with a noised history."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Float

from dfplan.types import Array, Denoiser, PyTree


def history_guidance(denoise: Denoiser, weights: Sequence[float]) -> Denoiser:
    """Wrap a denoiser to compose its clean estimates given the observed and the noised histories.

    The estimate is `D_0 + sum_i w_i (D_0 - D_i)`, with D_0 given the observed history and D_i given
    the i-th noised one. One weight w and a history of pure noise give `(1 + w) D_0 - w D_1`,
    vanilla history guidance; histories at intermediate levels make it fractional, and histories
    that are noised only in their older part make it temporal (Song et al. 2025, "History-Guided
    Video Diffusion", section 5). The paper composes scores; a score is affine in the clean estimate
    and the coefficients sum to 1, so both are equal.

    The carry stacks one carry of `denoise` per history on a leading axis of `1 + len(weights)`, the
    observed history's first. So every history keeps its own cache, and no token is evaluated twice
    for the same history.

    Args:
        denoise: Unguided denoiser.
        weights: Weight of each noised history; at 0 it is ignored, below 0 it attracts.
    """
    weight = jnp.asarray(weights, jnp.float32)

    def guided(carry: PyTree, x: Array, level: Array, start: Array):
        estimates, carry = jax.vmap(denoise, in_axes=(0, None, None, None))(carry, x, level, start)
        return compose(estimates, weight), carry

    return guided


def compose(estimates: Float[Array, "n B W D"], weight: Float[Array, "m"]) -> Float[Array, "B W D"]:
    """Return `D_0 + sum_i w_i (D_0 - D_i)`.

    Args:
        estimates: Clean estimates D_i, D_0 first.
        weight: Weights w_i; m = n - 1.
    """
    observed = estimates[0]
    noised = estimates[1:]
    return observed + jnp.tensordot(weight, observed[None] - noised, axes=1)
