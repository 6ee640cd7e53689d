"""Reference plans for OGBench's mazes: shortest routes on the map, so that no planner is needed."""

import numpy as np

from dfplan_envs.ogbench.cells import MazeCells


def route(cells: MazeCells, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Return the corners `[K, 2]` of a shortest route: start, cell centers, goal; in meters."""
    cell = int(cells.locate(start))
    goal_cell = int(cells.locate(goal))
    points = [start]
    while cell != goal_cell:
        cell = int(cells.next_cell[goal_cell, cell])
        if cell != goal_cell:
            points.append(cells.centers[cell])
    return np.stack([*points, goal])


def tokens_along(points: np.ndarray, spacing: float, count: int) -> np.ndarray:
    """Return points `[count, 2]` at equal distances on a polyline; its end is repeated.

    Args:
        points: `[K, 2]` corners of the polyline, in meters.
        spacing: Distance between points, in meters.
        count: Number of points.
    """
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=-1)
    arc = np.concatenate([[0.0], np.cumsum(lengths)])
    distances = np.minimum(np.arange(count) * spacing, arc[-1])
    return np.stack([np.interp(distances, arc, points[:, d]) for d in range(2)], axis=-1)


def route_length(cells: MazeCells, start: np.ndarray, goal: np.ndarray) -> float:
    """Return the length of a shortest route through the cells' centers, in meters."""
    points = route(cells, start, goal)
    return float(np.linalg.norm(np.diff(points, axis=0), axis=-1).sum())


def steps_per_cell(cells: MazeCells, positions: np.ndarray, is_first: np.ndarray) -> float:
    """Return the mean number of control steps that the data take from one cell to the next.

    Args:
        cells: Cells of the maze.
        positions: `[N, 2]` positions of all rows, in meters.
        is_first: `[N]` bool, first row of each episode.
    """
    cell = cells.locate(positions)
    moves = (cell[1:] != cell[:-1]) & ~is_first[1:]
    return float((~is_first).sum() / moves.sum())
