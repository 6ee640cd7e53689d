"""Explicit rank promotion, for users who set `jax_numpy_rank_promotion` to "raise"."""

import jax
import jax.numpy as jnp

from dfplan.types import Array, ArrayLike


def to_rank(x: ArrayLike, rank: int) -> Array:
    """Return an array of at least this rank, with axes of length 1 added in front."""
    array = jnp.asarray(x)
    return jax.lax.broadcast_to_rank(array, max(rank, array.ndim))
