"""Gradient guidance: wraps a denoiser into one that is guided by the gradient of a cost."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Float

from dfplan.types import Array, Denoiser, PyTree

MIN_ALPHA = 0.2
"""Floor under alpha, since the factor of the gradient is infinite at pure noise."""


def gradient_guidance(
    denoise: Denoiser,
    cost: Callable[[Float[Array, "B T D"]], Float[Array, "B"]],
    alpha_sigma: Callable[[Array], tuple[Array, Array]],
    scale: float,
    futures: Callable[[Array, Array, Array], Float[Array, "K B W D"]] | None = None,
) -> Denoiser:
    """Wrap a denoiser so that its clean estimate is shifted down the gradient of a cost.

    The gradient goes through the network, so that a cost on late tokens moves early ones. With
    score guidance `score - scale * grad`, the clean estimate moves by
    `-scale * sigma**2 / alpha * grad` (Dhariwal and Nichol 2021, algorithm 2, in terms of x0), with
    alpha bounded below by `MIN_ALPHA`.

    With `futures` the gradient is averaged over several futures, so that a token moves towards what
    is good over all that may follow it (Monte Carlo guidance, Chen et al. 2024). The shifted
    estimate and the carry are those of the first future. This multiplies the computation by K.

    The carry is a pair: that of `denoise`, and the clean estimates of all tokens `[B, T, D]`. The
    cost is evaluated on these, updated by the window's. So a window may leave out first tokens that
    are complete; the first window has to hold every token.

    Args:
        denoise: Unguided denoiser.
        cost: Cost of all clean tokens `[B, T, D]`, normalized; one number per row.
        alpha_sigma: Noise schedule.
        scale: Strength of the guidance.
        futures: Returns K versions of a window `(x, level, start)`, the first one `x` itself; None
            for `x` alone.
    """

    def guided(carry: PyTree, x: Array, level: Array, start: Array):
        inner_carry, clean = carry

        def total_cost(x: Array):
            x0, new_carry = denoise(inner_carry, x, level, start)
            all_clean = jax.lax.dynamic_update_slice_in_dim(clean, x0, start, axis=1)
            return jnp.sum(cost(all_clean)), (x0, (new_carry, all_clean))

        gradient = jax.grad(total_cost, has_aux=True)
        if futures is None:
            grad, (x0, new_carry) = gradient(x)
        else:
            # All futures share one carry; vmap does not copy what it holds.
            grads, outputs = jax.vmap(gradient)(futures(x, level, start))
            grad = grads.mean(axis=0)
            x0, new_carry = jax.tree.map(lambda a: a[0], outputs)
        alpha, sigma = alpha_sigma(level)
        step = sigma**2 / jnp.maximum(alpha, MIN_ALPHA)
        return x0 - scale * step[..., None] * grad, new_carry

    return guided
