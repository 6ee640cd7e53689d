"""PointMaze as a Gymnasium environment with a goal-Dict observation."""

# MuJoCo's bindings carry no types.
# pyright: reportAttributeAccessIssue=false

import math
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
from gymnasium import spaces
from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

from dfplan_envs.pointmaze.ball import DT, MAX_SPEED
from dfplan_envs.pointmaze.draw import draw_maze
from dfplan_envs.pointmaze.maps import MazeMap, parse_map
from dfplan_envs.pointmaze.model import WALL_HEIGHT, build_model
from dfplan_envs.pointmaze.protocol import PROTOCOLS
from dfplan_envs.pointmaze.render import make_renderer

GOALS = ("random", "fixed")
OPTIONS = ("start", "goal", "reset_cell", "goal_cell")


class PointMazeEnv(gym.Env):
    """A ball pushed through a maze: D4RL's Maze2D and Gymnasium-Robotics' PointMaze in one class.

    Observation: Dict of float64: "observation" (x, y, vx, vy), "achieved_goal" (x, y),
    "desired_goal" (x, y), in metres and metres per second, origin at the centre of the map.
    Action: Box(-1, 1, (2,)), a force in units of 100 N. One step is 0.01 s. Before a step each
    velocity component is clipped to 5 m/s. The reward is 1 for a step that ends within the success
    radius, else 0; `info["success"]` says the same. The goal never moves within an episode.

    protocol="d4rl" (Fu et al. 2020, maze_model.py): radius 0.5 m, no termination. Start: a
    uniformly drawn free cell, position noise U(-0.1, 0.1) m, velocity N(0, 0.1) m/s. A random goal
    is drawn the same way and independently, so that it may lie in the start's cell (one episode in
    seven on UMaze): D4RL draws it so, and published Multi2D scores count those episodes. A fixed
    goal is the centre of the map's 'G' cell exactly; starts in that cell occur, as in D4RL.

    protocol="robotics" (Gymnasium-Robotics' PointMaze with continuing_task=False): radius 0.45 m,
    the episode ends at the goal, noise U(-0.25, 0.25) m, start at rest, start and goal in different
    cells.

    `reset(options=...)` takes "start" (x, y) or (x, y, vx, vy), by default at rest, and "goal"
    (x, y), both exact; or "reset_cell" (row, column), with the protocol's noise, and "goal_cell"
    (row, column), exact under D4RL and with noise under Gymnasium-Robotics, as those do.

    Args:
        maze_map: see `dfplan_envs.pointmaze.maps.parse_map`. 'R' cells, where there are any, are
            the only starts.
        protocol: "d4rl" or "robotics".
        goal: "random" over all free cells, or "fixed" at the map's only 'G' cell.
        render_mode: None or "rgb_array".
        width, height: size of a frame in pixels.

    Raises:
        ValueError: for a bad map, protocol, goal, reset option, or an action that is not finite.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / DT)}

    def __init__(
        self,
        maze_map: MazeMap,
        protocol: str = "d4rl",
        goal: str = "random",
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
    ):
        _check_choice("protocol", protocol, PROTOCOLS)
        _check_choice("goal", goal, GOALS)
        _check_choice("render_mode", render_mode, (None, *self.metadata["render_modes"]))
        self.maze = parse_map(maze_map)
        if goal == "fixed" and len(self.maze.goals) != 1:
            raise ValueError(
                f"goal='fixed' needs one 'G' cell in the map, found {len(self.maze.goals)}"
            )
        self.protocol, self.goal_mode = PROTOCOLS[protocol], goal
        self.render_mode, self.frame_size = render_mode, (height, width)
        self.goal = np.zeros(2)
        self._build()

        def box(size: int) -> spaces.Box:
            return spaces.Box(-np.inf, np.inf, (size,), np.float64)

        self.observation_space = spaces.Dict(
            observation=box(4), achieved_goal=box(2), desired_goal=box(2)
        )
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def _build(self) -> None:
        self.model = build_model(self.maze)
        self.data = mujoco.MjData(self.model)
        # Views into MuJoCo's memory: fetching them anew would double the cost of a step.
        self._qpos, self._qvel, self._ctrl = self.data.qpos, self.data.qvel, self.data.ctrl
        self._renderer = None

    @property
    def dt(self) -> float:
        """Seconds per step."""
        return DT

    @property
    def success_radius(self) -> float:
        """Metres from the goal within which a step counts as success."""
        return self.protocol.radius

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Start an episode; see the class for `options`."""
        super().reset(seed=seed)
        options = {k: v for k, v in (options or {}).items() if v is not None}
        for key in options:
            _check_choice("reset option", key, OPTIONS)
        goal, goal_cell = self._draw_goal(options)
        start = self._draw_start(options, goal_cell)
        mujoco.mj_resetData(self.model, self.data)
        self._qpos[:], self._qvel[:] = start[:2], start[2:]
        self.goal = goal
        return self._observe(), {"success": self._distance() <= self.protocol.radius}

    def _draw_goal(self, options: dict[str, Any]) -> tuple[np.ndarray, tuple[int, int]]:
        if "goal" in options:
            goal = self._check_point("goal", options["goal"], (2,))
            return goal, self.maze.cell(goal)
        if "goal_cell" in options:
            cell = self._check_cell("goal_cell", options["goal_cell"])
            exact = not self.protocol.terminates
        elif self.goal_mode == "fixed":
            cell, exact = self.maze.goals[0], True
        else:
            cell, exact = self._draw_cell(self.maze.free), False
        center = self.maze.center(cell)
        return (center if exact else center + self._noise()), cell

    def _draw_start(self, options: dict[str, Any], goal_cell: tuple[int, int]) -> np.ndarray:
        if "start" in options:
            start = self._check_point("start", options["start"], (2, 4))
            return np.concatenate([start, np.zeros(4 - len(start))])
        if "reset_cell" in options:
            cell = self._check_cell("reset_cell", options["reset_cell"])
        else:
            cells = self.maze.starts
            if self.protocol.apart:
                cells = [c for c in cells if c != goal_cell] or cells
            cell = self._draw_cell(cells)
        velocity = self.np_random.normal(0.0, 1.0, 2) * self.protocol.speed
        return np.concatenate([self.maze.center(cell) + self._noise(), velocity])

    def _draw_cell(self, cells: list[tuple[int, int]]) -> tuple[int, int]:
        return cells[int(self.np_random.integers(len(cells)))]

    def _noise(self) -> np.ndarray:
        return self.np_random.uniform(-self.protocol.noise, self.protocol.noise, 2)

    def _check_cell(self, name: str, cell: Any) -> tuple[int, int]:
        cell = (int(cell[0]), int(cell[1]))
        if not self.maze.is_free(cell):
            raise ValueError(f"{name} {cell} is not a free cell; free cells: {self.maze.free}")
        return cell

    def _check_point(self, name: str, point: Any, sizes: tuple[int, ...]) -> np.ndarray:
        point = np.asarray(point, np.float64)
        if point.ndim != 1 or len(point) not in sizes or not np.isfinite(point).all():
            raise ValueError(f"{name} must be {sizes} finite numbers in metres, got {point}")
        if not self.maze.is_free(self.maze.cell(point)):
            raise ValueError(f"{name} {point} lies in a wall or off the map")
        return point.copy()

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Push the ball for 0.01 s."""
        fx, fy = float(action[0]), float(action[1])
        if not (math.isfinite(fx) and math.isfinite(fy)):
            raise ValueError(f"action must be finite, got {action}")
        vx, vy = self._qvel.tolist()
        if not (-MAX_SPEED <= vx <= MAX_SPEED and -MAX_SPEED <= vy <= MAX_SPEED):
            np.clip(self._qvel, -MAX_SPEED, MAX_SPEED, out=self._qvel)
        self._ctrl[0] = min(max(fx, -1.0), 1.0)
        self._ctrl[1] = min(max(fy, -1.0), 1.0)
        mujoco.mj_step(self.model, self.data)
        success = self._distance() <= self.protocol.radius
        terminated = success and self.protocol.terminates
        return self._observe(), float(success), terminated, False, {"success": success}

    def _distance(self) -> float:
        x, y = self._qpos.tolist()
        gx, gy = self.goal.tolist()
        return math.hypot(x - gx, y - gy)

    def _observe(self) -> dict[str, np.ndarray]:
        return {
            "observation": np.concatenate((self._qpos, self._qvel)),
            "achieved_goal": self._qpos.copy(),
            "desired_goal": self.goal.copy(),
        }

    def may_hold_goal(self, point: np.ndarray) -> bool:
        """Whether a goal may lie at a point (x, y): on the map, and in no wall."""
        return self.maze.is_free(self.maze.cell(point))

    def compute_reward(
        self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any = None
    ) -> np.ndarray:
        """Reward of reaching `achieved_goal` [..., 2] when asked for `desired_goal` [..., 2]."""
        distance = np.linalg.norm(np.subtract(achieved_goal, desired_goal), axis=-1)
        return (distance <= self.protocol.radius).astype(np.float64)

    def compute_terminated(
        self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any = None
    ) -> np.ndarray:
        """Whether the episode ends there, by `compute_reward`'s arguments."""
        reached = self.compute_reward(achieved_goal, desired_goal) > 0
        return np.logical_and(reached, self.protocol.terminates)

    def compute_truncated(
        self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any = None
    ) -> np.ndarray:
        """Always false: the time limit is `gymnasium.wrappers.TimeLimit`'s."""
        return np.zeros(np.shape(achieved_goal)[:-1], bool)

    def draw(self, ax) -> None:
        """Draw walls and goal on a matplotlib Axes, in metres, x to the right and y up."""
        draw_maze(ax, self.maze, self.goal, self.protocol.radius)

    def render(self) -> np.ndarray | None:
        """The present frame, uint8 [height, width, 3], or None without a render mode.

        Without OpenGL it is drawn with matplotlib, and one warning says so.
        """
        if self.render_mode is None:
            gym.logger.warn("render() needs render_mode='rgb_array' in gymnasium.make")
            return None
        if self._renderer is None:
            self._renderer = make_renderer(
                self.model, self.data, self.maze, self.protocol.radius, self.frame_size
            )
        self.model.site("target").pos = (*self.goal, WALL_HEIGHT / 2)
        return self._renderer.frame(self.data, self.goal)

    @property
    def mujoco_renderer(self) -> MujocoRenderer | None:
        """Gymnasium's renderer, as its MuJoCo environments have it; None where none is in use."""
        return getattr(self._renderer, "mujoco", None)

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def __getstate__(self) -> dict[str, Any]:
        """Everything but MuJoCo's objects; position and velocity stand for the physics."""
        state = self.__dict__.copy()
        for name in ("model", "data", "_qpos", "_qvel", "_ctrl", "_renderer"):
            del state[name]
        state["physics"] = (self._qpos.copy(), self._qvel.copy(), self.data.time)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Rebuild the model and put the ball back where it was."""
        qpos, qvel, time = state.pop("physics")
        self.__dict__.update(state)
        self._build()
        self._qpos[:], self._qvel[:], self.data.time = qpos, qvel, time


def _check_choice(name: str, value: Any, valid: Any) -> None:
    if value not in valid:
        raise ValueError(f"unknown {name} {value!r}; valid: {', '.join(map(repr, valid))}")
