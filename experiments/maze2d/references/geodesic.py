"""How far it is to a goal for a ball among walls, in the metric in which time counts.

Each velocity component has a limit of its own, so the time between two points is the larger of
their coordinate differences over that limit: the L-infinity metric. On a square grid 8 neighbours
at unit cost are exact for it, and Dijkstra's algorithm becomes a wave that moves a node per round.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dfplan_envs.pointmaze.maps import Maze
from experiments.maze2d.walls import SPACING, Walls, measure_walls

BALL_RADIUS = 0.1
"""Metres; the ball of Gymnasium-Robotics' point model."""
SINK = 0.06
"""Metres that the ball can sink into a wall: MuJoCo's contacts are soft."""
NOWHERE = np.iinfo(np.int16).max
HALF_DIAGONAL = SPACING / np.sqrt(2)


@dataclass(frozen=True)
class Field:
    """Shortest ways to a goal's disc, in metres (L-infinity), from the nodes of a grid.

    A length is never above the true one: a node counts as free if any point that rounds to it is,
    and one node is taken off. It is less by up to two nodes, and by a node more at each corner.

    Attributes:
        walls: the grid.
        moves: [I, J] nodes to go to the disc, at most; NOWHERE where the ball does not fit.
    """

    walls: Walls
    moves: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Lengths [...] in metres from points [2, ...] on the map; infinite inside walls."""
        moves = self.moves.ravel()[self.walls.node(points)]
        return np.where(moves == NOWHERE, np.inf, SPACING * np.maximum(moves - 1.0, 0.0))


def geodesic(
    maze: Maze, goal: np.ndarray, radius: float = 0.5, ball: float = BALL_RADIUS - SINK
) -> Field:
    """The field of shortest ways to the disc of `radius` round a goal; the last are remembered.

    Args:
        maze: the map.
        goal: [2] in metres.
        radius: of success, in metres.
        ball: metres from the walls within which the ball's centre cannot come. The default leaves
            out the part of the ball that can sink into a wall, so that no way is overestimated.

    Raises:
        ValueError: if no point within `radius` of the goal is free.
    """
    return _geodesic(maze, float(goal[0]), float(goal[1]), radius, ball)


@lru_cache(maxsize=8)
def _geodesic(maze: Maze, x: float, y: float, radius: float, ball: float) -> Field:
    walls = measure_walls(maze)
    free = walls.distance >= ball - HALF_DIAGONAL
    columns, rows = walls.axes()
    goal = free & (np.hypot(columns - x, rows - y) <= radius + HALF_DIAGONAL)
    if not goal.any():
        raise ValueError(f"no free point lies within {radius} m of the goal ({x}, {y})")
    return Field(walls, _wave(free, goal))


def _wave(free: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Moves of a chess king over `free` nodes from `source` to each node [I, J], int16."""
    # The outermost nodes lie in a wall, so a flat index never steps over the grid's edge.
    columns = free.shape[1]
    around = np.array([i * columns + j for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j])
    rounds = np.full(free.size, NOWHERE, np.int16)
    unseen = free.ravel() & ~source.ravel()
    rounds[source.ravel()] = 0
    first = np.empty(free.size, np.intp)
    front, moves = np.flatnonzero(source), 0
    while front.size:
        moves += 1
        reached = (front[:, None] + around).ravel()
        reached = reached[unseen[reached]]
        # Keep each node once: the last to write its place there stays.
        first[reached] = np.arange(reached.size)
        front = reached[first[reached] == np.arange(reached.size)]
        unseen[front] = False
        rounds[front] = moves
    return rounds.reshape(free.shape)
