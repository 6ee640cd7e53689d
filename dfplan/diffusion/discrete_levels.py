"""Noise levels of a model with K discrete ones, the multiples of 1/K."""

from types import ModuleType
from typing import Any

import jax.numpy as jnp


def snap_to_levels(
    level: Any,
    num_levels: int,
    *,
    rounding: str = "nearest",
    lowest: int = 0,
    xp: ModuleType = jnp,
) -> Any:
    """Snap noise levels in [0, 1] to discrete ones, `k / K` for integers k.

    Args:
        level: Noise levels in any shape.
        num_levels: Number of discrete levels above 0, K; 0 leaves the levels continuous.
        rounding: Rounding of k: "nearest", "down", or "uniform", which makes each of the K + 1
            values equally likely if `level` is uniform.
        lowest: Least k, for levels that must not snap to 0.
        xp: `jax.numpy` or `numpy`.
    """
    if not num_levels:
        return level
    if rounding == "uniform":
        index = xp.floor(level * (num_levels + 1))
    elif rounding == "down":
        index = xp.floor(level * num_levels)
    else:
        index = xp.round(level * num_levels)
    return xp.clip(index, lowest, num_levels) / num_levels
