"""Cells of an OGBench maze, and shortest routes between them."""

import dataclasses
import functools
from collections import deque

import numpy as np

NEIGHBORS = ((-1, 0), (0, -1), (1, 0), (0, 1))
"""Offsets of adjacent cells, in the order in which OGBench's search tries them."""
UNIT = 4.0
"""Edge length of a cell, in meters."""
POSITION_NOISE = 1.0
"""Largest offset of a start or goal from its cell's center, per axis, in meters."""
UNREACHABLE = -1


@dataclasses.dataclass(frozen=True, eq=False)
class MazeCells:
    """The grid of a maze: 0 marks free cells, 1 walls.

    Attributes:
        walls: `[I, J]` int, the map; row i lies at y = 4 i - 4, column j at x = 4 j - 4.
    """

    walls: np.ndarray

    @functools.cached_property
    def free(self) -> np.ndarray:
        """`[C, 2]` indices (i, j) of free cells, in row-major order."""
        return np.argwhere(self.walls == 0)

    @functools.cached_property
    def index(self) -> np.ndarray:
        """`[I, J]` number of each free cell in `free`, -1 for walls."""
        index = np.full(self.walls.shape, -1)
        index[tuple(self.free.T)] = np.arange(len(self.free))
        return index

    @functools.cached_property
    def centers(self) -> np.ndarray:
        """`[C, 2]` centers x, y of free cells, in meters."""
        return self.free[:, ::-1] * UNIT - UNIT

    @functools.cached_property
    def junctions(self) -> np.ndarray:
        """Numbers of the free cells that are not straight corridors: goals are drawn from them."""
        i, j = self.free.T
        free = self.walls == 0
        vertical = np.stack([free[i - 1, j], free[i + 1, j]])
        horizontal = np.stack([free[i, j - 1], free[i, j + 1]])
        is_corridor = vertical.all(axis=0) & ~horizontal.any(axis=0)
        is_corridor |= horizontal.all(axis=0) & ~vertical.any(axis=0)
        return np.flatnonzero(~is_corridor)

    @functools.cached_property
    def distance(self) -> np.ndarray:
        """`[C, C]` cells from each goal (first axis) to each cell, -1 where there is no route."""
        return np.stack([self._search(goal) for goal in range(len(self.free))])

    def _search(self, goal: int) -> np.ndarray:
        distance = np.full(len(self.free), UNREACHABLE)
        distance[goal] = 0
        queue = deque([goal])
        while queue:
            cell = queue.popleft()
            for neighbor in self._neighbors(cell):
                if distance[neighbor] == UNREACHABLE:
                    distance[neighbor] = distance[cell] + 1
                    queue.append(neighbor)
        return distance

    def _neighbors(self, cell: int) -> list[int]:
        i, j = self.free[cell]
        neighbors = (self.index[i + di, j + dj] for di, dj in NEIGHBORS)
        return [int(n) for n in neighbors if n >= 0]

    @functools.cached_property
    def next_cell(self) -> np.ndarray:
        """`[C, C]` next cell of a shortest route: first axis goal, second axis present cell."""
        table = np.tile(np.arange(len(self.free)), (len(self.free), 1))
        for cell in range(len(self.free)):
            best = self.distance[:, cell].copy()
            for neighbor in self._neighbors(cell):
                nearer = self.distance[:, neighbor] < best
                table[nearer, cell] = neighbor
                best = np.where(nearer, self.distance[:, neighbor], best)
        return table

    def at_distance(self, cell: int, cells: int) -> np.ndarray:
        """Return the numbers of the cells that are this number of cells away."""
        return np.flatnonzero(self.distance[cell] == cells)

    def locate(self, xy: np.ndarray) -> np.ndarray:
        """Return the number of the cell of each position `[..., 2]`, -1 inside walls."""
        ij = ((xy[..., ::-1] + UNIT + 0.5 * UNIT) / UNIT).astype(int)
        return self.index[ij[..., 0], ij[..., 1]]

    def wall_distance(self, xy: np.ndarray) -> np.ndarray:
        """Return the distance from each position `[..., 2]` to the nearest wall, in meters."""
        centers = np.argwhere(self.walls == 1)[:, ::-1] * UNIT - UNIT
        offset = np.abs(xy[..., None, :] - centers) - UNIT / 2
        return np.linalg.norm(np.maximum(offset, 0.0), axis=-1).min(axis=-1)
