"""Sampling in blocks of one size, so that one compiled program serves any number of windows."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Key

from dfplan.types import Array

PROGRAM_SAMPLES = 1024
"""Approximate number of samples that one compiled program draws."""


def sample_blocks(
    sample: Callable[[Key[Array, "B"], np.ndarray], np.ndarray],
    count: int,
    candidates: int,
    seed: int,
    advance: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Sample all windows, a block of them at a time.

    Args:
        sample: Function that returns the samples of a block, given its keys and its windows'
            indices.
        count: Number of windows, W.
        candidates: Samples per window.
        seed: PRNG seed; the key of a window depends on it and the window's index alone.
        advance: Function that is called with the number of windows done so far.

    Returns:
        Samples of the windows, one after the other, `[W, ...]`.
    """
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(seed), i))(
        jnp.arange(count, dtype=jnp.int32)
    )
    size = min(count, max(1, PROGRAM_SAMPLES // candidates))
    blocks = []
    for begin in range(0, count, size):
        rows = np.arange(begin, min(begin + size, count))
        # The last block is padded with its own rows, as another size would compile again.
        padded = np.resize(rows, size)
        blocks.append(np.asarray(sample(keys[padded], padded))[: len(rows)])
        if advance is not None:
            advance(int(rows[-1]) + 1)
    return np.concatenate(blocks)
