"""Steps whose outcome is random, such as that of a teleporter with several exits.

Plans are learned from the outcomes in the data. Where an outcome is random, lucky episodes suggest
that a goal beyond it is near: hindsight goals, and stitched routes even more, prefer the route that
reached the goal, however improbable it was. Without such steps in the data, plans follow routes
that actions can repeat. `split_at_chance` therefore ends an episode before each random step, and
begins another one after it.

A step counts as random if it is a jump, much longer than other steps, and jumps from about the same
place lead to different places or are too few to tell. A jump that always leads to the same place is
not random.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int

from dfplan.data.trajectories import Trajectories
from dfplan.representation.layout import Layout
from dfplan.types import UserError

FAR = 5.0
"""Length of the shortest jump, and distance of outcomes that differ, in usual step lengths."""
USUAL = 0.99
"""Quantile of step lengths that is the usual step length; jumps must be rarer than the rest."""
MIN_JUMPS = 3
"""Jumps from about the same place that have to agree; fewer prove nothing."""
BLOCK = 100
"""Jumps that are compared with all others at once, which bounds the memory."""


def split_at_chance(data: Trajectories) -> Trajectories:
    """Return the dataset with its episodes split at random steps; see the module.

    Steps are judged in the goal's dimensions. Actions of random steps are set to zero.

    Raises:
        UserError: If the dataset has no goal dimensions.
    """
    is_random = find_chance(data.state[:, judged_dims(data.layout)], data.last_row)
    if not is_random.any():
        return data
    action = data.action.copy()
    action[is_random] = 0.0
    start = np.union1d(data.start, np.flatnonzero(is_random) + 1)
    length = np.diff(start, append=len(data.state))
    return dataclasses.replace(data, action=action, start=start, length=length)


def judged_dims(layout: Layout) -> list[int]:
    """Return the state dimensions in which steps are judged: those of the goal.

    Raises:
        UserError: If there are none.
    """
    if not layout.goal_dims:
        raise UserError(
            "data.split_at_chance judges steps in the goal's dimensions, and this task has none; "
            "valid here: false"
        )
    return list(layout.goal_dims)


def find_chance(
    points: Float[np.ndarray, "N G"], last: Int[np.ndarray, "N"]
) -> Bool[np.ndarray, "N"]:
    """Return whether the step that begins at each row had a random outcome.

    Args:
        points: States in the dimensions that are judged.
        last: Last row of each row's episode.
    """
    rows = np.flatnonzero(np.arange(len(points)) < last)
    if not len(rows):
        return np.zeros(len(points), bool)
    moved = np.linalg.norm(points[rows + 1] - points[rows], axis=-1)
    far = FAR * np.quantile(moved, USUAL)
    if far == 0 and moved.any():  # The data mostly rest.
        far = FAR * np.quantile(moved[moved > 0], USUAL)
    jumps = rows[moved > far]
    is_random = np.zeros(len(points), bool)
    is_random[jumps] = have_random_outcome(points[jumps], points[jumps + 1], far)
    return is_random


def have_random_outcome(
    before: Float[np.ndarray, "J G"], after: Float[np.ndarray, "J G"], far: float
) -> Bool[np.ndarray, "J"]:
    """Return which jumps had a random outcome.

    Args:
        before: Where each jump begins.
        after: Where it ends.
        far: Length that only jumps exceed, and distance of places that differ.
    """
    is_random = np.zeros(len(before), bool)
    for first in range(0, len(before), BLOCK):
        block = slice(first, first + BLOCK)
        from_same_place = _distances(before[block], before) <= far
        to_same_place = _distances(after[block], after) <= far
        differs = (from_same_place & ~to_same_place).any(axis=1)
        is_random[block] = differs | (from_same_place.sum(axis=1) < MIN_JUMPS)
    return is_random


def _distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the distances `[N, M]` between points `[N, G]` and others `[M, G]`."""
    return np.linalg.norm(points[:, None] - others[None], axis=-1)
