"""Shortest routes over the free cells of a maze, as lookup tables for vectorized controllers."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from dfplan_envs.pointmaze.maps import Cell, Maze

UNREACHABLE = 10**6


@dataclass(frozen=True)
class Routes:
    """Route tables over `C` free cells, indexed in the order of `Maze.free`.

    Attributes:
        centers: [C, 2] cell centers in meters.
        neighbors: [C, 4] indices of the cells above, below, left and right; -1 for a wall.
        distance: [C, C] number of steps from one cell (second index) to another (first index).
        cell_index: [rows, columns] index of each free cell; a wall cell has the index of a nearby
            free cell.
    """

    centers: np.ndarray
    neighbors: np.ndarray
    distance: np.ndarray
    cell_index: np.ndarray

    def locate(self, points: np.ndarray) -> np.ndarray:
        """Return the index [B] of the free cell at or next to each point [B, 2] in meters."""
        rows, columns = self.cell_index.shape
        i = np.floor(rows / 2 - points[:, 1]).astype(int).clip(0, rows - 1)
        j = np.floor(points[:, 0] + columns / 2).astype(int).clip(0, columns - 1)
        return self.cell_index[i, j]

    def next_cell(
        self, cell: np.ndarray, target: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the next cell [B] on a shortest route from `cell` [B] to `target` [B].

        Ties between equally short routes are broken at random, so that data covers all of them.
        """
        neighbors = self.neighbors[cell]
        cost = np.where(neighbors < 0, UNREACHABLE, self.distance[target[:, None], neighbors])
        best = np.argmin(cost + rng.uniform(0, 0.5, cost.shape), axis=1)
        return np.where(cell == target, cell, neighbors[np.arange(len(cell)), best])


def build_routes(maze: Maze) -> Routes:
    """Compute the route tables of a maze by breadth-first search from every free cell."""
    index_by_cell = {cell: index for index, cell in enumerate(maze.free)}
    neighbors = np.array(
        [[index_by_cell.get(c, -1) for c in _adjacent_cells(cell)] for cell in maze.free]
    )
    distance = np.stack([_distances_from(source, neighbors) for source in range(len(maze.free))])
    centers = np.stack([maze.center(cell) for cell in maze.free])
    cell_index = np.empty(maze.shape, int)
    for i, j in np.ndindex(maze.shape):
        offset = np.abs(centers - maze.center((i, j))).sum(axis=1)
        cell_index[i, j] = np.argmin(offset)
    return Routes(centers, neighbors, distance, cell_index=cell_index)


def _adjacent_cells(cell: Cell) -> list[Cell]:
    i, j = cell
    return [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]


def _distances_from(source: int, neighbors: np.ndarray) -> np.ndarray:
    distance = np.full(len(neighbors), UNREACHABLE)
    distance[source] = 0
    queue = deque([source])
    while queue:
        cell = queue.popleft()
        for neighbor in neighbors[cell]:
            if neighbor >= 0 and distance[neighbor] == UNREACHABLE:
                distance[neighbor] = distance[cell] + 1
                queue.append(neighbor)
    return distance
