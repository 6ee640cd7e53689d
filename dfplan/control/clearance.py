"""Clearance: moves paths away from the edge of the region that the data cover.

The data reach as far as the robot can, such as up to walls that it touches. A robot that follows a
path there, and deviates from it, is stopped or falls. As in the inflated cost maps of navigation
stacks, points near the edge are therefore moved inward, up to a clearance. Moves are computed once
for each cell of the data support, and interpolated between cells.
"""

import dataclasses
from types import ModuleType
from typing import Any

import jax.scipy.ndimage
import numpy as np
import scipy.ndimage
from jaxtyping import Float

from dfplan.planner.support import DataSupport
from dfplan.types import XpArray

SMOOTHING = 1.0
"""Standard deviation of the Gaussian that smooths distances and moves, in cells."""
STEPS_PER_CELL = 2
"""Steps in which a point is moved, per cell."""
MAX_CLEARANCES = 3
"""Longest move, in clearances."""
RIDGE = 0.2
"""Slope of the distance to the edge below which a point lies in the middle, and stays."""


@dataclasses.dataclass(frozen=True, eq=False)
class Clearance:
    """Moves points inward; see the module.

    Attributes:
        low: `[G]` center of the first cell.
        size: `[G]` edge lengths of a cell.
        moves: `[G, ...]` move of each cell's center.
        distance: Clearance, in the goal's units.
        xp: Array library, `numpy` or `jax.numpy`.
    """

    low: np.ndarray
    size: np.ndarray
    moves: np.ndarray
    distance: float
    xp: ModuleType

    @classmethod
    def fit(cls, support: DataSupport, distance: float, xp: ModuleType = np) -> "Clearance":
        """Compute the moves of a data support's cells.

        Args:
            support: Data support.
            distance: Clearance, in the goal's units.
            xp: Array library of the paths.
        """
        size = np.asarray(support.size, np.float64)
        # A margin of unvisited cells; single holes inside are closed.
        visited = scipy.ndimage.binary_closing(np.pad(np.asarray(support.visited), 1))
        low = np.asarray(support.low, np.float64) - size / 2
        grid = np.indices(visited.shape).reshape(len(size), -1).T
        moves = _moves(visited, grid, size, distance).T.reshape(-1, *visited.shape)
        smooth = [scipy.ndimage.gaussian_filter(move, SMOOTHING) for move in moves]
        return cls(low, size, np.stack(smooth).astype(np.float32), distance, xp)

    def __call__(self, path: Float[XpArray, "B L G"]) -> Float[XpArray, "B L G"]:
        """Return the path moved inward, except for its end, as a goal may lie near the edge.

        Args:
            path: Paths, in the goal's units.
        """
        xp = self.xp
        ndimage: Any = scipy.ndimage if xp is np else jax.scipy.ndimage
        cell = xp.moveaxis((path - self.low[None, None]) / self.size[None, None], -1, 0)
        moves = [
            ndimage.map_coordinates(xp.asarray(move), list(cell), order=1, mode="nearest")
            for move in self.moves
        ]
        offset = path - path[:, -1:]
        to_end = xp.sqrt((offset**2).sum(axis=-1, keepdims=True))
        share = xp.minimum(to_end / self.distance, 1.0)
        return (path + share * xp.stack(moves, axis=-1)).astype(path.dtype)


def _moves(visited: np.ndarray, grid: np.ndarray, size: np.ndarray, distance: float) -> np.ndarray:
    """Return the moves `[N, G]` of cells: up the distance to the edge, until it is far enough.

    Args:
        visited: Cells, with one axis per dimension.
        grid: `[N, G]` indices of the cells to move.
        size: `[G]` edge lengths of a cell.
        distance: Distance to the edge that suffices.
    """
    to_edge = scipy.ndimage.distance_transform_edt(visited, sampling=size)
    to_edge = scipy.ndimage.gaussian_filter(np.asarray(to_edge), SMOOTHING)
    slopes = [np.gradient(to_edge, length, axis=axis) for axis, length in enumerate(size)]
    step = size.min() / STEPS_PER_CELL
    start = grid * size
    point = start.copy()
    for _ in range(int(MAX_CLEARANCES * distance / step)):
        slope = np.stack([_look_up(values, point / size) for values in slopes], axis=-1)
        steepness = np.linalg.norm(slope, axis=-1, keepdims=True)
        is_near = _look_up(to_edge, point / size)[:, None] < distance
        direction = slope / np.maximum(steepness, RIDGE)
        point += np.where(is_near & (steepness > RIDGE), step * direction, 0.0)
    return point - start


def _look_up(values: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return values `[N]` at fractional indices `[N, G]`."""
    return scipy.ndimage.map_coordinates(values, cell.T, order=1, mode="nearest")
