"""OGBench's ant, many of them at once."""

# MuJoCo's bindings have no type stubs.
# pyright: reportAttributeAccessIssue=false

from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np

from dfplan_envs.ogbench.cells import MazeCells
from dfplan_envs.ogbench.cores import available_cores
from dfplan_envs.ogbench.walker import load_walker, walk

FRAME_SKIP = 5
RESET_NOISE = 0.1
"""Half-width of the uniform noise on poses after a reset, and deviation of that on velocities."""
PARTS_PER_CORE = 4
"""Parts of the batch per thread; with several, a part that takes longer delays the batch less."""


class AntBatch:
    """Steps `B` ants with the same arithmetic as OGBench's `AntEnv.step`, on all cores.

    MuJoCo releases Python's global lock while it steps. Each ant has its own MuJoCo state, so
    results do not depend on the number of cores.

    Args:
        model: Compiled model of the maze.
        cells: Unused, as MuJoCo knows the walls.
        size: Number of ants, B.
    """

    action_dim = 8

    def __init__(self, model: mujoco.MjModel, cells: MazeCells, size: int):
        self._model = model
        self._data = [mujoco.MjData(model) for _ in range(size)]
        self._state = np.zeros((size, model.nq + model.nv))
        cores = available_cores()
        self._threads = ThreadPoolExecutor(cores)
        self._parts = np.array_split(np.arange(size), min(size, PARTS_PER_CORE * cores))

    def observe(self) -> np.ndarray:
        """Return observations `[B, 29]`: 15 positions, then 14 velocities."""
        return self._state.copy()

    def positions(self) -> np.ndarray:
        """Return positions `[B, 2]`, x and y in meters."""
        return self._state[:, :2].copy()

    def reset(self, positions: np.ndarray, rngs: list[np.random.Generator]) -> None:
        """Place all ants at `positions` `[B, 2]`, each in a pose drawn from its generator."""
        for data, rng in zip(self._data, rngs, strict=True):
            mujoco.mj_resetData(self._model, data)
            data.qpos += rng.uniform(-RESET_NOISE, RESET_NOISE, self._model.nq)
            data.qvel += RESET_NOISE * rng.standard_normal(self._model.nv)
            mujoco.mj_forward(self._model, data)
        self.place(np.arange(len(self._data)), positions)

    def place(self, rows: np.ndarray, positions: np.ndarray) -> None:
        """Move the ants `rows` `[R]` to `positions` `[R, 2]`; their poses stay the same."""
        for row, position in zip(rows.tolist(), positions, strict=True):
            self._data[row].qpos[:2] = position
            mujoco.mj_forward(self._model, self._data[row])
            self._read(row)

    def act(self, directions: np.ndarray) -> np.ndarray:
        """Return the actions `[B, 8]` that walk in `directions` `[B, 2]`, unit vectors."""

        def act_part(rows: np.ndarray) -> np.ndarray:
            return walk(load_walker(), self._state[rows, 2:], directions[rows])

        return np.concatenate(list(self._threads.map(act_part, self._parts)))

    def step(self, actions: np.ndarray) -> None:
        """Take a control step with actions `[B, 8]`."""

        def step_part(rows: np.ndarray) -> None:
            for row in rows.tolist():
                self._data[row].ctrl = actions[row]
                mujoco.mj_step(self._model, self._data[row], nstep=FRAME_SKIP)
                self._read(row)

        list(self._threads.map(step_part, self._parts))

    def _read(self, row: int) -> None:
        data = self._data[row]
        self._state[row, : self._model.nq] = data.qpos
        self._state[row, self._model.nq :] = data.qvel
