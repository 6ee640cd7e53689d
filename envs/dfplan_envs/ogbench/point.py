"""The point of OGBench's mazes, many at once."""

# MuJoCo's bindings have no type stubs.
# pyright: reportAttributeAccessIssue=false

import mujoco
import numpy as np

from dfplan_envs.ogbench.cells import UNIT, MazeCells

STEP = 0.2
"""Meters by which an action of 1 moves the point."""
RADIUS = 0.7
FRAME_SKIP = 5
MARGIN = 1e-3
"""Distance from a wall, in meters beyond the radius, at which a point surely does not touch it."""
NEIGHBORHOOD = np.array([(dj, di) for di in (-1, 0, 1) for dj in (-1, 0, 1)])
"""Offsets of a cell and its eight neighbors."""


class PointBatch:
    """Steps `B` points with the same arithmetic as OGBench's `PointEnv.step`.

    An action displaces the point, and MuJoCo then moves it out of walls. Where no wall is within
    reach, MuJoCo changes nothing, so it is not called.

    Args:
        model: Compiled model of the maze.
        cells: Cells of the maze.
        size: Number of points, B.
    """

    action_dim = 2

    def __init__(self, model: mujoco.MjModel, cells: MazeCells, size: int):
        self._model = model
        self._data = mujoco.MjData(model)
        self._cells = cells
        self._position = np.zeros((size, 2))
        self._warm_start = np.zeros((size, model.nv))

    def observe(self) -> np.ndarray:
        """Return positions `[B, 2]`, x and y in meters, which are also the observations."""
        return self._position.copy()

    def positions(self) -> np.ndarray:
        """Return positions `[B, 2]`, x and y in meters."""
        return self._position.copy()

    def reset(self, positions: np.ndarray, rngs: list[np.random.Generator]) -> None:
        """Place all points at `positions` `[B, 2]`; `rngs` are unused, as a point has no pose."""
        self._position[:] = positions
        self._warm_start[:] = 0.0

    def place(self, rows: np.ndarray, positions: np.ndarray) -> None:
        """Move the points `rows` `[R]` to `positions` `[R, 2]`."""
        self._position[rows] = positions

    def act(self, directions: np.ndarray) -> np.ndarray:
        """Return the actions `[B, 2]` that move in `directions` `[B, 2]`: the same vectors."""
        return directions

    def step(self, actions: np.ndarray) -> None:
        """Take a control step with actions `[B, 2]`."""
        self._position += STEP * actions
        near = self._near_wall()
        self._warm_start[~near] = 0.0
        for row in np.flatnonzero(near).tolist():
            self._step_with_contacts(row)

    def _near_wall(self) -> np.ndarray:
        """Return whether a wall is in each point's reach, `[B]` bool."""
        own = np.rint((self._position + UNIT) / UNIT).astype(int)
        ji = own[:, None] + NEIGHBORHOOD
        walls = self._cells.walls
        i = np.clip(ji[..., 1], 0, walls.shape[0] - 1)
        j = np.clip(ji[..., 0], 0, walls.shape[1] - 1)
        gap = np.maximum(np.abs(self._position[:, None] - (ji * UNIT - UNIT)) - UNIT / 2, 0.0)
        distance = np.where(walls[i, j] == 1, np.hypot(gap[..., 0], gap[..., 1]), np.inf)
        return distance.min(axis=1) < RADIUS + MARGIN

    def _step_with_contacts(self, row: int) -> None:
        data = self._data
        data.qpos[:] = self._position[row]
        data.qvel[:] = 0.0
        data.qacc_warmstart[:] = self._warm_start[row]
        mujoco.mj_step(self._model, data, nstep=FRAME_SKIP)
        self._position[row] = data.qpos
        self._warm_start[row] = data.qacc_warmstart
