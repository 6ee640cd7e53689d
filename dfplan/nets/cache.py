"""KV cache: keys and values of the tokens seen so far, at the level they were last seen at."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dfplan.types import Array, PyTree


class KVCache(NamedTuple):
    """Keys (already rotated) and values of every layer, float32.

    Attributes:
        k, v: tuples over layers of `[B, heads, capacity, dim]`.
    """

    k: tuple[Array, ...]
    v: tuple[Array, ...]

    @classmethod
    def zeros(cls, layers: int, batch: int, capacity: int, heads: int, dim: int) -> "KVCache":
        """An empty cache; unwritten places are never attended to, their position is ahead."""
        blank = [jnp.zeros((batch, heads, capacity, dim)) for _ in range(2 * layers)]
        return cls(tuple(blank[:layers]), tuple(blank[layers:]))


def write(buffer: Array, new: Array, start: Array) -> Array:
    """`buffer` `[B, heads, capacity, dim]` with `new` `[B, heads, W, dim]` at tokens `start` on."""
    return jax.lax.dynamic_update_slice_in_dim(buffer, new, start, axis=2)


def repeat(cache: PyTree, times: int) -> PyTree:
    """Every row `times` times in a row: one history shared by several candidate plans.

    Of any network's cache, whose leaves all have the batch first.
    """
    return jax.tree.map(lambda a: jnp.repeat(a, times, axis=0), cache)
