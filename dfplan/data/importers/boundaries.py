"""Episode boundaries: rows whose next observation is not the observation of the next row."""

from typing import NamedTuple

import numpy as np

RELATIVE_ROUNDING = 1e-5
"""Difference, relative to a column's magnitude, that counts as rounding at any precision."""
RESET_SHARE = 0.5
"""Fraction of the columns beyond which a disagreement is a reset; a wrapped angle is one column."""
MAX_RESETS = 0.5
"""Fraction of the rows beyond which disagreements are not resets, but different units."""


class Disagreement(NamedTuple):
    """A number that differs between a row's next observation and the next row's observation.

    Attributes:
        row: Row of the next observation.
        dim: Dimension of the largest difference.
        next_value: Its value in the next observations.
        value: Its value in the observations, one row later.
        rows: Number of rows that disagree.
    """

    row: int
    dim: int
    next_value: float
    value: float
    rows: int


class Boundaries(NamedTuple):
    """Episode boundaries that next observations show.

    Attributes:
        resets: `[N-1]` bool, rows after which an unmarked episode begins.
        disagreement: First disagreement that is not a reset; None if there is none, so that the
            next observations are usable.
    """

    resets: np.ndarray
    disagreement: Disagreement | None


def find_boundaries(
    observation: np.ndarray, next_observation: np.ndarray, end: np.ndarray, rounding: float
) -> Boundaries:
    """Compare next observations with the observations of the next rows.

    At a reset, most columns differ. If only some columns or most rows differ, the two are not the
    same quantity: one of them is normalized or shifted, or wraps its angles.

    Args:
        observation: `[N, O]`.
        next_observation: `[N, O]`.
        end: `[N]` bool, marked ends of episodes, which are not compared.
        rounding: Relative rounding error of the coarser of the two types.
    """
    tolerance = max(RELATIVE_ROUNDING, rounding) * np.abs(observation).max(axis=0)
    differs = np.abs(next_observation[:-1] - observation[1:]) > tolerance  # not at NaN
    differs &= ~end[:-1, None]
    unmarked = differs.any(axis=1)
    changes = (observation[1:] != observation[:-1]).any(axis=0)
    needed = RESET_SHARE * max(int(changes.sum()), 1)
    resets = (differs & changes).sum(axis=1) > needed
    if unmarked.sum() <= MAX_RESETS * len(unmarked) and not (unmarked & ~resets).any():
        return Boundaries(resets, disagreement=None)
    contradicts = unmarked if resets[unmarked].all() else unmarked & ~resets
    row = int(np.flatnonzero(contradicts)[0])
    difference = np.abs(next_observation[row] - observation[row + 1]) - tolerance
    dim = int(np.nanargmax(difference))
    first = Disagreement(
        row=row,
        dim=dim,
        next_value=float(next_observation[row, dim]),
        value=float(observation[row + 1, dim]),
        rows=int(contradicts.sum()),
    )
    return Boundaries(resets, disagreement=first)


def rounding_of(*dtypes: np.dtype) -> float:
    """Return the relative rounding error of the coarsest of some types; 0 for integers."""
    return max((float(np.finfo(t).eps) for t in dtypes if t.kind == "f"), default=0.0)
