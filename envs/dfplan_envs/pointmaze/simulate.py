"""Batched simulation of one maze under the waypoint controller, stepped by MuJoCo directly."""

# MuJoCo's bindings have no type stubs.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np
from mujoco import rollout

from dfplan_envs.pointmaze.ball import MAX_SPEED
from dfplan_envs.pointmaze.controller import ControllerConfig, WaypointController
from dfplan_envs.pointmaze.maps import Maze
from dfplan_envs.pointmaze.model import build_model
from dfplan_envs.pointmaze.routes import build_routes
from dfplan_envs.pointmaze.rules import RULES

REPORT_EVERY = 50
"""Control steps between progress reports."""


@dataclass(frozen=True)
class Recording:
    """Trajectories recorded by `simulate`: `B` mazes, `L` steps.

    Attributes:
        states: [B, L + 1, 4] x, y, vx, vy in SI units.
        goals: [B, L + 1, 2] goal that the controller heads for at that time.
        actions: [B, L, 2] applied actions, float32.
    """

    states: np.ndarray
    goals: np.ndarray
    actions: np.ndarray


class BatchPhysics:
    """Steps `B` copies of one model with the same arithmetic as `PointMazeEnv.step`.

    Args:
        model: Compiled MuJoCo model of a maze.
        size: Number of copies, B.
    """

    def __init__(self, model: mujoco.MjModel, size: int):
        self._model = model
        self._data = mujoco.MjData(model)
        state_size = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
        self._state_before = np.zeros((size, state_size))
        self._state_after = np.zeros((size, 1, state_size))
        self._control = np.zeros((size, 1, model.nu))
        self._sensors = np.zeros((size, 1, model.nsensordata))
        self._rollout = rollout.Rollout(nthread=0)

    def step(self, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Return the states after one step of 0.01 s.

        Args:
            states: [B, 4] x, y, vx, vy in SI units; velocities are clipped to 5 m/s.
            actions: [B, 2] forces in units of 100 N, in [-1, 1].

        Returns:
            [B, 4] next states, in a buffer that the next call overwrites.
        """
        # MuJoCo's full state is time, position, velocity.
        self._state_before[:, 1:3] = states[:, :2]
        np.clip(states[:, 2:], -MAX_SPEED, MAX_SPEED, out=self._state_before[:, 3:5])
        self._control[:, 0] = actions
        self._rollout.rollout(
            self._model,
            self._data,
            self._state_before,
            self._control,
            nstep=1,
            state=self._state_after,
            sensordata=self._sensors,
        )
        return self._state_after[:, 0, 1:5]


def simulate(
    maze: Maze,
    size: int,
    length: int,
    rng: np.random.Generator,
    *,
    noise: float = 0.5,
    patience: int = 800,
    config: ControllerConfig | None = None,
    progress: Callable[[int], None] | None = None,
) -> Recording:
    """Run the waypoint controller in `size` copies of a maze for `length` steps, without resets.

    Each copy starts at a random start cell, with D4RL's noise on position and velocity. When a
    ball reaches its goal, or fails to within `patience` steps, it continues to a new goal, drawn
    uniformly over the free cells with the same noise.

    Args:
        maze: Maze map.
        size: Number of copies, B.
        length: Control steps per copy, L.
        rng: Generator; the only source of randomness.
        noise: Standard deviation of the Gaussian noise on actions.
        patience: Control steps after which an unreached goal is replaced.
        config: Controller settings.
        progress: Callback that receives the number of steps simulated so far, over all copies.
    """
    routes = build_routes(maze)
    physics = BatchPhysics(build_model(maze), size)
    starts = np.stack([maze.center(cell) for cell in maze.starts])
    d4rl = RULES["d4rl"]

    def draw_positions(centers: np.ndarray, count: int) -> np.ndarray:
        cells = rng.integers(len(centers), size=count)
        offset = rng.uniform(-d4rl.position_noise, d4rl.position_noise, (count, 2))
        return centers[cells] + offset

    states = np.empty((length + 1, size, 4))
    goals = np.empty((length + 1, size, 2))
    actions = np.empty((length, size, 2), np.float32)
    states[0, :, :2] = draw_positions(starts, size)
    states[0, :, 2:] = rng.normal(0, d4rl.start_speed, (size, 2))
    first_goals = draw_positions(routes.centers, size)
    controller = WaypointController(routes, states[0, :, :2], first_goals, rng=rng, config=config)
    goals[0] = controller.goal
    goal_age = np.zeros(size, int)
    for t in range(length):
        action = controller.act(states[t, :, :2], states[t, :, 2:])
        action = action + noise * rng.standard_normal((size, 2))
        actions[t] = np.clip(action, -1.0, 1.0)
        states[t + 1] = physics.step(states[t], actions[t])
        goal_age += 1
        done = _finished_rows(states[t + 1], controller, goal_age, patience=patience)
        if done.size:
            new_goals = draw_positions(routes.centers, done.size)
            controller.set_goal(done, states[t + 1, done, :2], new_goals)
            goal_age[done] = 0
        goals[t + 1] = controller.goal
        if progress is not None and (t + 1) % REPORT_EVERY == 0:
            progress((t + 1) * size)
    return Recording(
        states=_batch_first(states),
        goals=_batch_first(goals),
        actions=_batch_first(actions),
    )


def _finished_rows(
    states: np.ndarray, controller: WaypointController, goal_age: np.ndarray, patience: int
) -> np.ndarray:
    """Return the indices of the copies that reached their goal or ran out of patience."""
    offset = states[:, :2] - controller.goal
    reached = np.einsum("bi,bi->b", offset, offset) <= controller.config.reach**2
    return np.flatnonzero(reached | (goal_age >= patience))


def _batch_first(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.swapaxes(0, 1))
