"""The posture of OGBench's ant in its observations."""

import numpy as np
from jaxtyping import Bool, Float

QUATERNION = slice(3, 7)


def upward(states: Float[np.ndarray, "*b S"]) -> Float[np.ndarray, "*b"]:
    """Return the vertical part of the torso's axis: 1 upright, -1 on its back.

    Args:
        states: Observations; the torso's orientation is a quaternion, scalar first.
    """
    _, x, y, _ = np.moveaxis(states[..., QUATERNION], -1, 0)
    return 1 - 2 * (x**2 + y**2)


def overturned(states: Float[np.ndarray, "*b S"]) -> Bool[np.ndarray, "*b"]:
    """Return whether the ant lies on its back or its side; see `upward`."""
    return upward(states) < 0
