"""Actions that a Box contains: inside its bounds, and whole numbers if its type is an integer.

Networks and compiled programs compute actions in float32. The bounds of another type may lie
between two float32 numbers, and rounding could then move an action out of the Box.
"""

import dataclasses
import functools
from types import ModuleType
from typing import Any

import numpy as np

from dfplan.types import XpArray

Bounds = tuple[int | float | None, ...]
"""Lower or upper bounds, one per dimension; None where a dimension has no such bound."""


@dataclasses.dataclass(frozen=True, eq=False)
class ActionBounds:
    """Smallest and largest actions, as arrays of the type that actions have.

    Attributes:
        low: Smallest actions; the type's smallest finite number where there is no lower bound.
        high: Largest actions, as `low`.
    """

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of_box(cls, space: Any) -> "ActionBounds":
        """Return the bounds of a Gymnasium Box."""
        lowest, highest = _finite_range(space.dtype)
        return cls(np.maximum(space.low, lowest), np.minimum(space.high, highest))

    def clip(self, action: XpArray, xp: ModuleType = np) -> XpArray:
        """Return the nearest actions inside the bounds, in the floating-point type of `action`.

        Args:
            action: Finite floating-point actions `[..., *low.shape]`.
            xp: `numpy`, or `jax.numpy` for actions of JAX.
        """
        low, high = _rounded_inward(self, np.dtype(action.dtype))
        if self.low.dtype.kind in "iub":
            action = xp.rint(action)
        return xp.clip(action, low, high)

    def cast(self, action: np.ndarray) -> np.ndarray:
        """Return the nearest actions inside the bounds, in the type of the bounds.

        Args:
            action: Finite floating-point actions `[..., *low.shape]`.
        """
        cast = self.clip(action).astype(self.low.dtype)
        # Between two close bounds, there may be no number of the action's floating-point type.
        return np.minimum(np.maximum(cast, self.low), self.high)


def fit_action(action: np.ndarray, space: Any) -> np.ndarray:
    """Return the nearest action that a Gymnasium Box contains, in its type.

    Args:
        action: Finite action of the space's shape.
        space: Box, which may differ from the one that the action was made for.
    """
    if space.contains(action):
        return action
    return ActionBounds.of_box(space).cast(np.asarray(action, np.float64))


@functools.lru_cache
def make_bounds(low: Bounds | None, high: Bounds | None, dtype: str, dim: int) -> ActionBounds:
    """Return the bounds of actions `[..., dim]`.

    Args:
        low: Lower bounds; None if no dimension has one.
        high: Upper bounds; None if no dimension has one.
        dtype: NumPy name of the actions' type.
        dim: Number of dimensions.
    """
    lowest, highest = _finite_range(np.dtype(dtype))
    open_sides = (None,) * dim
    closed_low = [lowest if bound is None else bound for bound in low or open_sides]
    closed_high = [highest if bound is None else bound for bound in high or open_sides]
    return ActionBounds(np.array(closed_low, dtype), np.array(closed_high, dtype))


def _finite_range(dtype: np.dtype) -> tuple[Any, Any]:
    """Return the smallest and the largest finite number of a type."""
    if dtype.kind == "b":
        return np.False_, np.True_
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)  # pyright: ignore
    return dtype.type(info.min), dtype.type(info.max)


@functools.lru_cache
def _rounded_inward(bounds: ActionBounds, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds in a floating-point type, rounded so that none is outside the exact bounds."""
    with np.errstate(over="ignore"):
        low = bounds.low.astype(dtype)
        high = bounds.high.astype(dtype)
    # Python compares large integers and floats exactly; NumPy rounds the integers first.
    is_below = np.asarray(low.astype(object) < bounds.low.astype(object), bool)
    is_above = np.asarray(high.astype(object) > bounds.high.astype(object), bool)
    infinity = dtype.type(np.inf)
    low = np.where(is_below, np.nextafter(low, infinity), low)
    high = np.where(is_above, np.nextafter(high, -infinity), high)
    return low, high
