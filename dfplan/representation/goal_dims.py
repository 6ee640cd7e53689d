"""Goal dimensions: the columns of an observation that hold the achieved goal."""

import numpy as np

from dfplan.representation.spread import float32_resolution

ROUNDING = 8
"""Difference, in steps between neighboring float32 numbers, that counts as rounding."""


def find_goal_dims(observation: np.ndarray, achieved: np.ndarray) -> tuple[int, ...] | None:
    """Find the columns of `observation` `[N, O]` that equal those of `achieved` `[N, G]`.

    They must be equal up to rounding in every row, as a few rows could agree by chance.

    Returns:
        The columns, in the order of `achieved`; None if the observation lacks one of them.
    """
    difference = largest_difference(observation, achieved)
    return match_goal_dims(difference, tolerance=goal_tolerance(achieved))


def largest_difference(observation: np.ndarray, achieved: np.ndarray) -> np.ndarray:
    """Return the largest difference of each pair of columns, `[O, G]`; see `find_goal_dims`."""
    columns = [np.abs(observation - goal[:, None]).max(axis=0) for goal in achieved.T]
    return np.stack(columns, axis=1)


def goal_tolerance(achieved: np.ndarray) -> np.ndarray:
    """Return the difference of each column that rounding to float32 explains, `[G]`."""
    magnitude = np.abs(achieved).max(axis=0)
    return ROUNDING * float32_resolution(magnitude)


def match_goal_dims(difference: np.ndarray, tolerance: np.ndarray) -> tuple[int, ...] | None:
    """Return the closest observation column of each goal column; None if one is too far.

    Args:
        difference: `[O, G]`, see `largest_difference`.
        tolerance: `[G]`, see `goal_tolerance`.
    """
    dims: list[int] = []
    for column, limit in zip(np.nan_to_num(difference.T, nan=np.inf), tolerance, strict=True):
        free = [d for d in range(len(column)) if d not in dims]
        dim = min(free, key=column.__getitem__, default=None)
        if dim is None or not column[dim] <= limit:
            return None
        dims.append(dim)
    return tuple(dims)
