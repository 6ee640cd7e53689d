"""KV cache: keys and values of the tokens seen so far, at the level they were last seen at."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dfplan.types import Array, PyTree


class KVCache(NamedTuple):
    """Keys (already rotated) and values of every layer, float32.

    Attributes:
        k: tuple over layers of `[B, heads, dim, capacity]`: products of few queries with keys that
            lie so take a quarter of the time.
        v: tuple over layers of `[B, heads, capacity, dim]`.
    """

    k: tuple[Array, ...]
    v: tuple[Array, ...]

    @classmethod
    def zeros(cls, layers: int, batch: int, capacity: int, heads: int, dim: int) -> "KVCache":
        """An empty cache; unwritten places are never attended to, their position is ahead."""
        k, v = (batch, heads, dim, capacity), (batch, heads, capacity, dim)
        return cls(*(tuple(jnp.zeros(shape) for _ in range(layers)) for shape in (k, v)))


def write(buffer: Array, new: Array, start: Array, axis: int) -> Array:
    """`buffer` with `new` at tokens `start` on; `axis` is that of the tokens in both."""
    return jax.lax.dynamic_update_slice_in_dim(buffer, new, start, axis=axis)


def repeat(cache: PyTree, times: int) -> PyTree:
    """Every row `times` times in a row: one history shared by several candidate plans.

    Of any network's cache, whose leaves all have the batch first.
    """
    return jax.tree.map(lambda a: jnp.repeat(a, times, axis=0), cache)
