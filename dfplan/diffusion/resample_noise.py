"""Resample the tokens that are still pure noise."""

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
    """Return copies of a window that differ in the tokens at pure noise (level 1).

    The first copy is `x` itself; the others have fresh noise in those tokens, and `x` elsewhere. A
    row's copies depend only on its key and levels, so they are the same in any batch.

    Args:
        keys: One PRNG key per row.
        x: Noised tokens.
        level: Their noise levels in [0, 1].
        start: Index of the window's first token.
        count: Number of copies K, including `x`.
    """
    # Some level falls at every sampling step, so the bits of the levels identify the step. They are
    # summed as integers: a sum of floats depends on its order, and thus on the batch.
    step = jax.lax.bitcast_convert_type(level.astype(jnp.float32), jnp.uint32).sum(
        axis=1, dtype=jnp.uint32
    )
    keys = jax.vmap(jax.random.fold_in)(keys, step)
    tokens = start + jnp.arange(x.shape[1], dtype=jnp.int32)

    def resample(copy: Array) -> Array:
        copy_keys = jax.vmap(lambda key: jax.random.fold_in(key, copy))(keys)
        noise = token_noise(copy_keys, tokens, x.shape[2]).astype(x.dtype)
        return jnp.where(level[..., None] >= 1.0, noise, x)

    return jnp.concatenate([x[None], jax.vmap(resample)(jnp.arange(1, count, dtype=jnp.int32))])
