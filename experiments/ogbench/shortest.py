"""Shortest routes of OGBench's point through a maze, in control steps.

An action moves the point by up to 0.2 m along each axis, so the number of steps along a straight
line is the larger of its two extents, divided by 0.2 m. The search moves like a chess king, on a
grid with squares of 0.05 m and with four moves per control step. The point's center keeps at least
0.7 m from every wall.
"""

import dataclasses

import numpy as np

from dfplan_envs.ogbench.cells import UNIT
from dfplan_envs.ogbench.point import RADIUS, STEP

MOVES = 4
"""Moves on the board per control step."""
SQUARE = STEP / MOVES
UNREACHED = np.iinfo(np.int32).max
CLEARANCE = 1e-3
"""Distance that routes keep from the edge of a teleporter's reach, on either side, in meters."""


@dataclasses.dataclass(frozen=True)
class Disc:
    """Places within a distance of a center.

    Attributes:
        center: `[2]` in meters.
        radius: In meters.
    """

    center: np.ndarray
    radius: float


class Board:
    """A maze as a grid of squares, on which shortest routes are searched.

    Args:
        walls: `[I, J]` int, the maze's map; 1 marks walls.
        entrances: Teleporters' entrances.
        exits: `[K, 2]` teleporters' exits, in meters.
    """

    def __init__(self, walls: np.ndarray, entrances: list[Disc], exits: np.ndarray):
        shape = np.array(walls.shape[::-1]) * round(UNIT / SQUARE)
        # Coordinates of the squares' centers; the map's first cell is centered at (-4, -4).
        self._x, self._y = ((np.arange(n) + 0.5) * SQUARE - 1.5 * UNIT for n in shape)
        self._free = self._away_from_walls(walls)
        self._avoided = np.zeros_like(self._free)
        self._entered = np.zeros_like(self._free)
        for disc in entrances:
            self._avoided |= self._inside(disc, CLEARANCE)
            self._entered |= self._inside(disc, -CLEARANCE)
        self._exits = [self._square(point) for point in exits]

    def distance(self, goal: Disc, *, optimistic: bool = False) -> np.ndarray:
        """Return the moves from every square to the goal, `UNREACHED` where no route exists.

        Args:
            goal: Places where the goal counts as reached.
            optimistic: Whether routes may lead through teleporters, each to the exit that is
                nearest to the goal; otherwise routes avoid teleporters.
        """
        free = self._free if optimistic else self._free & ~self._avoided
        moves = np.full(free.shape, UNREACHED, np.int32)
        frontier = np.argwhere(self._inside(goal) & free)
        may_teleport = optimistic
        level = 0
        while len(frontier):
            moves[tuple(frontier.T)] = level
            level += 1
            frontier = _unreached_neighbors(frontier, free & (moves == UNREACHED))
            if may_teleport and any(moves[square] < level for square in self._exits):
                may_teleport = False
                entered = np.argwhere(self._entered & free & (moves == UNREACHED))
                frontier = np.unique(np.concatenate([frontier, entered]), axis=0)
        return moves

    def moves_from(self, moves: np.ndarray, position: np.ndarray) -> int:
        """Return the entry of `distance` at a position."""
        return int(moves[self._square(position)])

    def action(self, moves: np.ndarray, position: np.ndarray) -> np.ndarray | None:
        """Return the action `[2]` to the square nearest to the goal within one step.

        None if no route leads to the goal from there.
        """
        i, j = self._square(position)
        window = np.s_[i - MOVES : i + MOVES + 1, j - MOVES : j + MOVES + 1]
        if moves[window].min() == UNREACHED:
            return None
        y, x = np.unravel_index(moves[window].argmin(), moves[window].shape)
        target = np.array([self._x[window[1]][x], self._y[window[0]][y]])
        return np.clip((target - position) / STEP, -1.0, 1.0)

    def _square(self, position: np.ndarray) -> tuple[int, int]:
        i = round((position[1] - self._y[0]) / SQUARE)
        j = round((position[0] - self._x[0]) / SQUARE)
        return i, j

    def _inside(self, disc: Disc, margin: float = 0.0) -> np.ndarray:
        dx = self._x[None, :] - disc.center[0]
        dy = self._y[:, None] - disc.center[1]
        return np.hypot(dx, dy) <= disc.radius + margin

    def _away_from_walls(self, walls: np.ndarray) -> np.ndarray:
        free = np.ones((len(self._y), len(self._x)), bool)
        for i, j in np.argwhere(walls == 1):
            dx = np.maximum(np.abs(self._x - (j * UNIT - UNIT)) - UNIT / 2, 0.0)
            dy = np.maximum(np.abs(self._y - (i * UNIT - UNIT)) - UNIT / 2, 0.0)
            columns = np.flatnonzero(dx < RADIUS)
            rows = np.flatnonzero(dy < RADIUS)
            near = np.hypot(dx[columns][None, :], dy[rows][:, None]) < RADIUS
            free[np.ix_(rows, columns)] &= ~near
        return free


def _unreached_neighbors(squares: np.ndarray, unreached: np.ndarray) -> np.ndarray:
    """Return the king's moves from squares `[N, 2]` to squares of the mask, each once."""
    offsets = np.array([(di, dj) for di in (-1, 0, 1) for dj in (-1, 0, 1) if di or dj])
    neighbors = (squares[:, None] + offsets).reshape(-1, 2)
    neighbors = neighbors[unreached[tuple(neighbors.T)]]
    flat = np.unique(np.ravel_multi_index(tuple(neighbors.T), unreached.shape))
    return np.stack(np.unravel_index(flat, unreached.shape), axis=1)
