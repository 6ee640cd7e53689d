"""History guidance: away from what a plan would be if its history were known less well."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Float

from dfplan.types import Array, Denoiser, PyTree


def history_guidance(denoise: Denoiser, weights: Sequence[float]) -> Denoiser:
    """Compose the clean estimates of several histories: the observed one, and blurred ones.

    The estimate is `D_0 + sum_i w_i (D_0 - D_i)`: D_0 after the history as it is observed, D_i
    after the i-th blurred one. So one weight w and a history of pure noise give
    `(1 + w) D_0 - w D_1`, vanilla history guidance; histories at levels in between make it
    fractional, and ones that are blurred only in their older part temporal (Song et al. 2025,
    "History-Guided Video Diffusion", section 5). There scores are composed; a score is affine in
    the clean estimate, and the coefficients sum to 1, so it is the same.

    The carry holds one of `denoise`'s for each history, on a leading axis of `1 + len(weights)`,
    the observed one's first: every history keeps its own cache, and no token is computed twice for
    the same history.

    Args:
        denoise: the unguided denoiser.
        weights: of the blurred histories; 0 is without effect, a negative one pulls towards it.
    """
    away = jnp.asarray(weights, jnp.float32)

    def guided(carry: PyTree, x: Array, level: Array, start: Array):
        found, carry = jax.vmap(denoise, in_axes=(0, None, None, None))(carry, x, level, start)
        return compose(found, away), carry

    return guided


def compose(found: Float[Array, "n B W D"], away: Float[Array, "m"]) -> Float[Array, "B W D"]:
    """`D_0 + sum_i w_i (D_0 - D_i)` of the estimates `found`, D_0 first; m = n - 1."""
    observed, noised_histories = found[0], found[1:]
    return observed + jnp.tensordot(away, observed - noised_histories, axes=1)
