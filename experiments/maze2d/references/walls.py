"""Distance to the walls of a maze, and the way off them, on a fine grid."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dfplan_envs.pointmaze.maps import Maze

PER_METRE = 100
SPACING = 1 / PER_METRE
"""Metres between the nodes of the grid."""
FAR = 0.5
"""Metres from the nearest wall beyond which it does not matter how far."""


@dataclass(frozen=True)
class Walls:
    """Distances at the nodes of a grid over a maze of `I` x `J` nodes.

    Attributes:
        origin: [2] x and y of node (0, 0) in metres; node (i, j) is at origin + SPACING (j, i).
        distance: [I, J] metres to the nearest wall, negative inside one, at most FAR.
        normal: [2, I, J] unit vector off the nearest wall; 0 where it is far.
    """

    origin: np.ndarray
    distance: np.ndarray
    normal: np.ndarray

    def node(self, points: np.ndarray) -> np.ndarray:
        """Flat number [...] of the node nearest to each point [2, ...] in metres."""
        origin = self.origin.reshape(2, *[1] * (points.ndim - 1))
        j, i = ((points - origin) * PER_METRE + 0.5).astype(np.intp)
        return i * self.distance.shape[1] + j

    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates of the nodes in metres: x [J] and y [I, 1]."""
        rows, columns = self.distance.shape
        x, y = self.origin
        return x + SPACING * np.arange(columns), y + SPACING * np.arange(rows)[:, None]


@lru_cache(maxsize=8)
def measure_walls(maze: Maze) -> Walls:
    """Distances for a maze; the last few mazes are remembered."""
    shape = tuple(PER_METRE * n + 1 for n in maze.shape)
    walls = Walls(
        -np.array([maze.shape[1], maze.shape[0]]) / 2, np.full(shape, FAR), np.zeros((2, *shape))
    )
    for cell in maze.walls:
        _lower(walls, maze.center(cell))
    return walls


def _lower(walls: Walls, center: np.ndarray) -> None:
    """Take into account the wall at `center`, at the nodes that it is not far from."""
    j, i = np.rint((center - walls.origin) * PER_METRE).astype(int)
    reach = PER_METRE  # half a wall, and FAR
    window = np.s_[max(i - reach, 0) : i + reach + 1, max(j - reach, 0) : j + reach + 1]
    x, y = walls.axes()
    distance, normal = _from_box(x[window[1]] - center[0], y[window[0]] - center[1])
    nearer = distance < walls.distance[window]
    walls.distance[window][nearer] = distance[nearer]
    walls.normal[:, *window][:, nearer] = normal[:, nearer]


def _from_box(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance from a wall cell centred at 0, and the direction of its increase."""
    offset = np.stack(np.broadcast_arrays(x, y))
    beyond = np.abs(offset) - 0.5
    outside = np.maximum(beyond, 0)
    distance = np.hypot(*outside) + np.minimum(beyond.max(axis=0), 0)
    inside = beyond.max(axis=0) <= 0
    normal = np.where(inside, beyond >= beyond.max(axis=0), outside) * np.sign(offset)
    return distance, normal / np.maximum(np.hypot(*normal), 1e-12)
