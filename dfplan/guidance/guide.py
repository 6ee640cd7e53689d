"""Wrappers denoiser -> denoiser: a guided denoiser is one."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Float

from dfplan.types import Array, Denoiser, PyTree

LOWEST_ALPHA = 0.2


def gradient_guidance(
    denoise: Denoiser,
    cost: Callable[[Float[Array, "B T D"]], Float[Array, "B"]],
    alpha_sigma: Callable[[Array], tuple[Array, Array]],
    scale: float,
    copies: Callable[[Array, Array, Array], Float[Array, "K B W D"]] | None = None,
) -> Denoiser:
    """Shift the clean estimate down the gradient of a cost of it.

    The gradient goes through the network, so that a cost on late tokens moves early ones. With
    score guidance `score - scale * grad`, the clean estimate moves by
    `-scale * sigma**2 / alpha * grad` (Dhariwal and Nichol 2021, algorithm 2, in terms of x0);
    alpha is kept above a floor, since at pure noise the factor is infinite.

    With `copies` the gradient is the mean over several futures, so that a token moves towards what
    is good over all that may come after it (Monte Carlo guidance of Chen et al. 2024). The
    estimate it shifts, and the carry, are those of the first copy, at K times the computation.

    The carry is `denoise`'s and the clean estimates of all tokens, `[B, T, D]`: the cost is of
    these, with the window's in place. So a window may leave out first tokens that are complete; the
    first one evaluated has to hold every token.

    Args:
        denoise: the unguided denoiser.
        cost: of all clean tokens, `[B, T, D]` normalised, one number per row.
        alpha_sigma: the noise schedule.
        scale: strength.
        copies: K versions of `(x, level, start)`'s tokens, the first `x` itself; None for x alone.
    """

    def guided(carry: PyTree, x: Array, level: Array, start: Array):
        before, clean = carry

        def priced(x):
            x0, after = denoise(before, x, level, start)
            whole = jax.lax.dynamic_update_slice_in_dim(clean, x0, start, axis=1)
            return jnp.sum(cost(whole)), (x0, (after, whole))

        pull = jax.grad(priced, has_aux=True)
        if copies is None:
            grad, (x0, after) = pull(x)
        else:
            # One carry serves all copies: under vmap what it holds is not repeated.
            grads, found = jax.vmap(pull)(copies(x, level, start))
            grad = grads.mean(axis=0)
            x0, after = jax.tree.map(lambda a: a[0], found)
        alpha, sigma = alpha_sigma(level)
        reach = sigma**2 / jnp.maximum(alpha, LOWEST_ALPHA)
        return x0 - scale * reach[..., None] * grad, after

    return guided
