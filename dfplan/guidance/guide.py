"""Wrappers denoiser -> denoiser: a guided denoiser is one."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Float

from dfplan.types import Array, Denoiser, PyTree

LOWEST_ALPHA = 0.2


def gradient_guidance(
    denoise: Denoiser,
    cost: Callable[[Float[Array, "B W D"]], Float[Array, "B"]],
    alpha_sigma: Callable[[Array], tuple[Array, Array]],
    scale: float,
) -> Denoiser:
    """Shift the clean estimate down the gradient of a cost of it.

    The gradient goes through the network, so that a cost on late tokens moves early ones. With
    score guidance `score - scale * grad`, the clean estimate moves by
    `-scale * sigma**2 / alpha * grad` (Dhariwal and Nichol 2021, algorithm 2, in terms of x0);
    alpha is kept above a floor, since at pure noise the factor is infinite.

    Args:
        denoise: the unguided denoiser.
        cost: of clean tokens of the window, `[B, W, D]` normalised, one number per row.
        alpha_sigma: the noise schedule.
        scale: strength.
    """

    def guided(carry: PyTree, x: Array, level: Array, start: Array):
        def priced(x):
            x0, after = denoise(carry, x, level, start)
            return jnp.sum(cost(x0)), (x0, after)

        grad, (x0, after) = jax.grad(priced, has_aux=True)(x)
        alpha, sigma = alpha_sigma(level)
        reach = sigma**2 / jnp.maximum(alpha, LOWEST_ALPHA)
        return x0 - scale * reach[..., None] * grad, after

    return guided
