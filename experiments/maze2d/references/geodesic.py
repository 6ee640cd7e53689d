"""Path lengths to a goal for a ball among walls, in the metric that determines travel time.

Each velocity component has a limit of its own, so the time between two points is the larger of
their coordinate differences over that limit: the L-infinity metric. On a square grid 8 neighbors
at unit cost are exact for it, and Dijkstra's algorithm becomes a wavefront that advances one node
per round.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dfplan_envs.pointmaze.ball import RADIUS as BALL_RADIUS
from dfplan_envs.pointmaze.maps import Maze
from experiments.maze2d.references.walls import SPACING, Walls, measure_walls

SINK = 0.06
"""Meters that the ball can sink into a wall, as MuJoCo's contacts are soft."""
NOWHERE = np.iinfo(np.int16).max
HALF_DIAGONAL = SPACING / np.sqrt(2)


@dataclass(frozen=True)
class Field:
    """Lengths of the shortest paths to a goal's disc, in meters (L-infinity), on a grid.

    A length is never above the true one: a node counts as free if any point that rounds to it is
    free, and one node is subtracted. The error is at most two nodes, plus one per corner.

    Attributes:
        walls: Grid of distances to the walls.
        moves: [I, J] moves between neighboring nodes to the disc; NOWHERE where the ball does not
            fit.
    """

    walls: Walls
    moves: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return lengths [...] in meters from points [2, ...] on the map; inf inside walls."""
        moves = self.moves.ravel()[self.walls.node(points)]
        return np.where(moves == NOWHERE, np.inf, SPACING * np.maximum(moves - 1.0, 0.0))


def geodesic(
    maze: Maze, goal: np.ndarray, radius: float = 0.5, ball: float = BALL_RADIUS - SINK
) -> Field:
    """Return the field of path lengths to the disc around a goal; recent fields are cached.

    Args:
        maze: Map of the maze.
        goal: [2] goal in meters.
        radius: Radius of the disc in meters.
        ball: Smallest distance of the ball's center from a wall, in meters. The default subtracts
            the depth to which the ball can sink into a wall, so no length is overestimated.

    Raises:
        ValueError: If no point within `radius` of the goal is free.
    """
    return _geodesic(maze, x=float(goal[0]), y=float(goal[1]), radius=radius, ball=ball)


@lru_cache(maxsize=8)
def _geodesic(maze: Maze, x: float, y: float, radius: float, ball: float) -> Field:
    walls = measure_walls(maze)
    free = walls.distance >= ball - HALF_DIAGONAL
    columns, rows = walls.axes()
    goal = free & (np.hypot(columns - x, rows - y) <= radius + HALF_DIAGONAL)
    if not goal.any():
        raise ValueError(f"no free point lies within {radius} m of the goal ({x}, {y})")
    return Field(walls, _wavefront(free, goal))


def _wavefront(free: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Return a chess king's moves over `free` nodes from `source` to each node [I, J], int16."""
    # The outermost nodes lie in a wall, so a flat index never steps over the grid's edge.
    columns = free.shape[1]
    neighbors = np.array([i * columns + j for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j])
    rounds = np.full(free.size, NOWHERE, np.int16)
    unvisited = free.ravel() & ~source.ravel()
    rounds[source.ravel()] = 0
    last_writer = np.empty(free.size, np.intp)
    front = np.flatnonzero(source)
    moves = 0
    while front.size:
        moves += 1
        reached = (front[:, None] + neighbors).ravel()
        reached = reached[unvisited[reached]]
        # Drop duplicates: of equal nodes, the last one to write its index stays.
        last_writer[reached] = np.arange(reached.size)
        front = reached[last_writer[reached] == np.arange(reached.size)]
        unvisited[front] = False
        rounds[front] = moves
    return rounds.reshape(free.shape)
