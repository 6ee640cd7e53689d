"""KV cache: keys and values of the tokens written so far, at the level they last had."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dfplan.types import Array, PyTree


class KVCache(NamedTuple):
    """Keys (already rotated) and values of every layer, float32.

    Attributes:
        k: Keys, one `[B, heads, dim, capacity]` per layer; in this layout, products of few queries
            with all keys take a quarter of the time.
        v: Values, one `[B, heads, capacity, dim]` per layer.
    """

    k: tuple[Array, ...]
    v: tuple[Array, ...]

    @classmethod
    def zeros(cls, layers: int, batch: int, capacity: int, heads: int, dim: int) -> "KVCache":
        """Return an empty cache; unwritten entries are masked, as they are ahead of every query."""
        k_shape = (batch, heads, dim, capacity)
        v_shape = (batch, heads, capacity, dim)
        return cls(
            k=tuple(jnp.zeros(k_shape, jnp.float32) for _ in range(layers)),
            v=tuple(jnp.zeros(v_shape, jnp.float32) for _ in range(layers)),
        )


def write(buffer: Array, new: Array, start: Array, axis: int) -> Array:
    """Return `buffer` with `new` written from token `start` on, along the token axis `axis`."""
    return jax.lax.dynamic_update_slice_in_dim(buffer, new, start, axis=axis)


def repeat(cache: PyTree, times: int) -> PyTree:
    """Repeat every row `times` times in a row: one history shared by several candidate plans.

    Works for any network's cache, whose leaves all have the batch first.
    """
    return jax.tree.map(lambda a: jnp.repeat(a, times, axis=0), cache)
