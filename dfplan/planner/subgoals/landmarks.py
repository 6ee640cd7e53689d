"""Landmarks: frequent places of objects in the data, where the search may put an object aside."""

import numpy as np
import scipy.spatial
from jaxtyping import Float

from dfplan.planner.subgoals.observed_moves import RARE

LANDMARKS = 12
"""Largest number of landmarks."""


def find_landmarks(points: Float[np.ndarray, "N D"], distance: float) -> Float[np.ndarray, "L D"]:
    """Return frequent points at least this far apart: the most frequent one, then the farthest.

    A point is frequent if enough others are near.
    """
    tree = scipy.spatial.KDTree(points)
    neighbors = tree.query_ball_point(points, distance / 4, return_length=True)
    is_frequent = tree.query_ball_point(points, distance / 2, return_length=True) > max(
        RARE * len(points), 1
    )
    chosen = [int(neighbors.argmax())]
    room = np.where(is_frequent, np.linalg.norm(points - points[chosen[0]], axis=-1), 0.0)
    while len(chosen) < LANDMARKS and room.max() > distance:
        chosen.append(int(room.argmax()))
        room = np.minimum(room, np.linalg.norm(points - points[chosen[-1]], axis=-1))
    return points[chosen]
