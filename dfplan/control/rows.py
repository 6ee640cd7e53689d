"""Rows of arrays whose first axis is a batch of robots, in NumPy or JAX."""

from types import ModuleType
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool

from dfplan.types import XpArray

Rows = np.ndarray | slice
"""Robots of a batch: indices `[K]` in NumPy; in JAX a slice."""


def take(tree: Any, rows: Rows) -> Any:
    """Return some rows of every array of a pytree."""
    return jax.tree.map(lambda array: array[rows], tree)


def choose(mask: Bool[XpArray, "B"], one: XpArray, other: XpArray, *, xp: ModuleType) -> XpArray:
    """Return the rows `[B, ...]` of one array where a mask is true, and else those of another."""
    return xp.where(mask.reshape(-1, *(1,) * (one.ndim - 1)), one, other)


def with_rows(array: XpArray, rows: Rows, values: Any, *, xp: ModuleType) -> XpArray:
    """Return a copy of an array with other values in some rows."""
    if xp is not np:
        return array.at[rows].set(values)  # pyright: ignore
    array = np.array(array)
    array[rows] = values
    return array
