"""Redraw: other futures of the tokens that are still pure noise."""

import jax
import jax.numpy as jnp
from jaxtyping import Float, Key

from dfplan.diffusion.sampler import token_noise
from dfplan.types import Array


def resample_noise(
    keys: Key[Array, "B"],
    x: Float[Array, "B W D"],
    level: Float[Array, "B W"],
    start: Array,
    count: int,
) -> Float[Array, "K B W D"]:
    """Copies of a window of noised tokens that differ in the tokens at pure noise (level 1).

    The first copy is `x` itself; the others have noise of their own there, and `x` elsewhere. A
    row's copies depend on its key and levels alone, so they are the same in any batch.

    Args:
        keys: one per row.
        x: noised tokens.
        level: their noise levels in [0, 1].
        start: index of the window's first token.
        count: K, copies in all.
    """
    # A level falls at every step of a sampling, so their bits tell its steps apart. They are summed
    # as integers: a sum of floats depends on its order, and so on the batch.
    step = jax.lax.bitcast_convert_type(level.astype(jnp.float32), jnp.uint32).sum(
        axis=1, dtype=jnp.uint32
    )
    keys = jax.vmap(jax.random.fold_in)(keys, step)
    tokens = start + jnp.arange(x.shape[1])

    def one(copy: Array) -> Array:
        own = jax.vmap(lambda key: jax.random.fold_in(key, copy))(keys)
        noise = token_noise(own, tokens, x.shape[2]).astype(x.dtype)
        return jnp.where(level[..., None] >= 1.0, noise, x)

    return jnp.concatenate([x[None], jax.vmap(one)(jnp.arange(1, count))])
