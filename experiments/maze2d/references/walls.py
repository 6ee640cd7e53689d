"""Distance to the walls of a maze, and its gradient, on a fine grid."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dfplan_envs.pointmaze.maps import Maze

NODES_PER_METER = 100
SPACING = 1 / NODES_PER_METER
"""Meters between the nodes of the grid."""
FAR = 0.5
"""Meters from the nearest wall at which distances are capped."""


@dataclass(frozen=True)
class Walls:
    """Wall distances at the nodes of a grid over a maze of `I` x `J` nodes.

    Attributes:
        origin: [2] x and y of node (0, 0) in meters; node (i, j) is at origin + SPACING (j, i).
        distance: [I, J] meters to the nearest wall, negative inside one, at most FAR.
        normal: [2, I, J] unit vector away from the nearest wall; 0 at distance FAR.
    """

    origin: np.ndarray
    distance: np.ndarray
    normal: np.ndarray

    def node(self, points: np.ndarray) -> np.ndarray:
        """Return the flat index [...] of the node nearest to each point [2, ...] in meters."""
        origin = self.origin.reshape(2, *[1] * (points.ndim - 1))
        j, i = ((points - origin) * NODES_PER_METER + 0.5).astype(np.intp)
        return i * self.distance.shape[1] + j

    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the coordinates of the nodes in meters: x [J] and y [I, 1]."""
        rows, columns = self.distance.shape
        x, y = self.origin
        return x + SPACING * np.arange(columns), y + SPACING * np.arange(rows)[:, None]


@lru_cache(maxsize=8)
def measure_walls(maze: Maze) -> Walls:
    """Compute the wall distances of a maze; recent mazes are cached."""
    shape = tuple(NODES_PER_METER * n + 1 for n in maze.shape)
    walls = Walls(
        origin=-np.array([maze.shape[1], maze.shape[0]]) / 2,
        distance=np.full(shape, FAR),
        normal=np.zeros((2, *shape)),
    )
    for cell in maze.walls:
        _add_wall(walls, maze.center(cell))
    return walls


def _add_wall(walls: Walls, center: np.ndarray) -> None:
    """Lower the distances around the wall cell at `center`."""
    j, i = np.rint((center - walls.origin) * NODES_PER_METER).astype(int)
    reach = NODES_PER_METER  # half a wall cell, plus FAR
    window = np.s_[max(i - reach, 0) : i + reach + 1, max(j - reach, 0) : j + reach + 1]
    x, y = walls.axes()
    distance, normal = _from_box(x[window[1]] - center[0], y[window[0]] - center[1])
    nearer = distance < walls.distance[window]
    walls.distance[window][nearer] = distance[nearer]
    walls.normal[:, *window][:, nearer] = normal[:, nearer]


def _from_box(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance from a wall cell centered at 0, and the direction of its increase."""
    offset = np.stack(np.broadcast_arrays(x, y))
    beyond = np.abs(offset) - 0.5
    outside = np.maximum(beyond, 0)
    distance = np.hypot(*outside) + np.minimum(beyond.max(axis=0), 0)
    inside = beyond.max(axis=0) <= 0
    normal = np.where(inside, beyond >= beyond.max(axis=0), outside) * np.sign(offset)
    return distance, normal / np.maximum(np.hypot(*normal), 1e-12)
