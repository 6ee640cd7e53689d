"""Grid: the cells of a grid over the goal's dimensions that a dataset has visited."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

SAMPLES_PER_CELL = 256
"""Average number of samples per cell, at which cells are smaller than obstacles and even rarely
visited cells contain samples."""
MAX_DIMS = 3
"""Largest number of dimensions; a grid with more would be empty nearly everywhere."""


class Grid(NamedTuple):
    """The cells of a grid.

    Attributes:
        low: `[G]` float64 lower corner, in the points' units.
        size: `[G]` float64 edge lengths of a cell, in the points' units.
        visited: Whether each cell has been visited, with one axis per dimension.
    """

    low: np.ndarray
    size: np.ndarray
    visited: np.ndarray

    @classmethod
    def fit(
        cls, parts: Iterable[np.ndarray], *, low: np.ndarray, high: np.ndarray, count: int
    ) -> "Grid | None":
        """Fit a grid to points that come in parts, each `[N, G]`.

        Args:
            parts: Parts of the points.
            low: `[G]` lowest coordinates of all points.
            high: `[G]` highest coordinates of all points.
            count: Number of all points.

        Returns:
            The grid; None if there are no dimensions, too many for a grid, or no extent in one of
            them.
        """
        dims = len(low)
        if not 1 <= dims <= MAX_DIMS or not (high > low).all():
            return None
        low = np.asarray(low, np.float64)
        high = np.asarray(high, np.float64)
        cells = max(int((count / SAMPLES_PER_CELL) ** (1 / dims)), 1)
        grid = cls(low, (high - low) / cells, np.zeros((cells,) * dims, bool))
        for points in parts:
            grid.mark(points)
        return grid

    def mark(self, points: np.ndarray) -> None:
        """Mark the cells of points `[N, G]`, which lie inside the grid, as visited."""
        offset = np.asarray(points, np.float64) - self.low
        cell = np.minimum(offset / self.size, self.visited.shape[0] - 1).astype(int)
        self.visited[tuple(cell.T)] = True

    def pack(self) -> np.ndarray:
        """Return the cells as bits, uint8; `unpack` undoes it."""
        return np.packbits(self.visited)

    @classmethod
    def unpack(
        cls, bits: np.ndarray, *, low: np.ndarray, high: np.ndarray, count: int
    ) -> "Grid | None":
        """Return the grid of these bits; the other arguments are those of `fit`.

        Raises:
            ValueError: If the number of bits does not fit the grid.
        """
        grid = cls.fit((), low=low, high=high, count=count)
        if grid is None:
            return None
        cells = math.prod(grid.visited.shape)
        if len(bits) != -(-cells // 8):
            raise ValueError(f"a grid of {cells} cells with {8 * len(bits)} bits")
        visited = np.unpackbits(bits, count=cells).reshape(grid.visited.shape).astype(bool)
        return grid._replace(visited=visited)
