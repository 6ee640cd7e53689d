"""Shortest routes over the free cells of a maze, as tables that vectorised controllers look up."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from dfplan_envs.pointmaze.maps import Cell, Maze

UNREACHED = 10**6


@dataclass(frozen=True)
class Routes:
    """Route tables; `C` free cells, numbered in the order of `Maze.free`.

    Attributes:
        centers: [C, 2] cell centres in metres.
        neighbours: [C, 4] number of the cell above, below, left and right; -1 for a wall.
        distance: [C, C] steps from one cell (second index) to another (first index).
        number: [rows, columns] number of each free cell; a wall has that of a free cell near it.
    """

    centers: np.ndarray
    neighbours: np.ndarray
    distance: np.ndarray
    number: np.ndarray

    def locate(self, points: np.ndarray) -> np.ndarray:
        """Number [B] of the free cell at or next to each point [B, 2] in metres."""
        rows, columns = self.number.shape
        i = np.floor(rows / 2 - points[:, 1]).astype(int).clip(0, rows - 1)
        j = np.floor(points[:, 0] + columns / 2).astype(int).clip(0, columns - 1)
        return self.number[i, j]

    def next_cell(
        self, cell: np.ndarray, target: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """The next cell [B] on a shortest route from `cell` [B] to `target` [B].

        Among equally short routes one is drawn at random, so that data covers all of them.
        """
        around = self.neighbours[cell]
        cost = np.where(around < 0, UNREACHED, self.distance[target[:, None], around])
        best = np.argmin(cost + rng.uniform(0, 0.5, cost.shape), axis=1)
        return np.where(cell == target, cell, around[np.arange(len(cell)), best])


def build_routes(maze: Maze) -> Routes:
    """Breadth-first search from every free cell of a maze."""
    numbers = {cell: n for n, cell in enumerate(maze.free)}
    neighbours = np.array([[numbers.get(c, -1) for c in _around(cell)] for cell in maze.free])
    distance = np.stack([_distances(neighbours, n) for n in range(len(maze.free))])
    centers = np.stack([maze.center(cell) for cell in maze.free])
    number = np.empty(maze.shape, int)
    for i, j in np.ndindex(maze.shape):
        gap = np.abs(centers - maze.center((i, j))).sum(axis=1)
        number[i, j] = np.argmin(gap)
    return Routes(centers, neighbours, distance, number)


def _around(cell: Cell) -> list[Cell]:
    i, j = cell
    return [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]


def _distances(neighbours: np.ndarray, source: int) -> np.ndarray:
    distance = np.full(len(neighbours), UNREACHED)
    distance[source] = 0
    queue = deque([source])
    while queue:
        cell = queue.popleft()
        for n in neighbours[cell]:
            if n >= 0 and distance[n] == UNREACHED:
                distance[n] = distance[cell] + 1
                queue.append(n)
    return distance
