"""Drive many mazes of one map at once, stepped by MuJoCo directly."""

# MuJoCo's bindings carry no types.
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

NOISE = 0.1
"""Half width of the noise on positions (m) and deviation of start velocities (m/s), as D4RL's."""
REPORT_EVERY = 50


@dataclass(frozen=True)
class Recording:
    """What `simulate` recorded: `B` mazes, `L` steps.

    Attributes:
        states: [B, L + 1, 4] x, y, vx, vy in SI units.
        goals: [B, L + 1, 2] the goal that the controller heads for at that time.
        actions: [B, L, 2] float32, as applied.
    """

    states: np.ndarray
    goals: np.ndarray
    actions: np.ndarray


class BatchPhysics:
    """Step `B` copies of one model; the same arithmetic as `PointMazeEnv.step`."""

    def __init__(self, model: mujoco.MjModel, size: int):
        self._model, self._data = model, mujoco.MjData(model)
        full = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
        self._before, self._after = np.zeros((size, full)), np.zeros((size, 1, full))
        self._control = np.zeros((size, 1, model.nu))
        self._sensors = np.zeros((size, 1, model.nsensordata))
        self._rollout = rollout.Rollout(nthread=0)

    def step(self, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """States [B, 4] after one step of 0.01 s from `states` [B, 4] under `actions` [B, 2]."""
        # MuJoCo's full state is time, position, velocity.
        self._before[:, 1:3] = states[:, :2]
        np.clip(states[:, 2:], -MAX_SPEED, MAX_SPEED, out=self._before[:, 3:5])
        self._control[:, 0] = actions
        self._rollout.rollout(
            self._model,
            self._data,
            self._before,
            self._control,
            nstep=1,
            state=self._after,
            sensordata=self._sensors,
        )
        return self._after[:, 0, 1:5]


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
    """Let the waypoint controller drive `size` mazes for `length` steps, without a reset.

    Each maze starts at a random free cell. A maze that reaches its goal, or has not for `patience`
    steps, gets a new goal, drawn uniformly over the free cells, and drives on.

    Args:
        maze: the map.
        size: mazes, B.
        length: steps of each, L.
        rng: the only source of randomness.
        noise: standard deviation of the Gaussian noise on actions.
        patience: steps after which an unreached goal is given up.
        config: the controller's settings.
        progress: called now and then with the steps done so far, over all mazes.
    """
    routes, physics = build_routes(maze), BatchPhysics(build_model(maze), size)
    starts = np.stack([maze.center(cell) for cell in maze.starts])

    def draw(centers: np.ndarray, count: int) -> np.ndarray:
        cells = rng.integers(len(centers), size=count)
        return centers[cells] + rng.uniform(-NOISE, NOISE, (count, 2))

    states = np.empty((length + 1, size, 4))
    goals = np.empty((length + 1, size, 2))
    actions = np.empty((length, size, 2), np.float32)
    states[0, :, :2], states[0, :, 2:] = draw(starts, size), rng.normal(0, NOISE, (size, 2))
    controller = WaypointController(
        routes, states[0, :, :2], draw(routes.centers, size), rng, config
    )
    goals[0], age = controller.goal, np.zeros(size, int)
    for t in range(length):
        position, velocity = states[t, :, :2], states[t, :, 2:]
        action = controller.act(position, velocity) + noise * rng.standard_normal((size, 2))
        actions[t] = np.clip(action, -1.0, 1.0)
        states[t + 1] = physics.step(states[t], actions[t])
        age += 1
        done = _done(states[t + 1], controller, age, patience)
        if done.size:
            controller.set_goal(done, states[t + 1, done, :2], draw(routes.centers, done.size))
            age[done] = 0
        goals[t + 1] = controller.goal
        if progress is not None and (t + 1) % REPORT_EVERY == 0:
            progress((t + 1) * size)
    return Recording(*(np.ascontiguousarray(x.swapaxes(0, 1)) for x in (states, goals, actions)))


def _done(
    states: np.ndarray, controller: WaypointController, age: np.ndarray, patience: int
) -> np.ndarray:
    offset = states[:, :2] - controller.goal
    reached = np.einsum("bi,bi->b", offset, offset) <= controller.config.reach**2
    return np.flatnonzero(reached | (age >= patience))
