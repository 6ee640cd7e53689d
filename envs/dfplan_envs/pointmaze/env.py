"""PointMaze as a Gymnasium environment with a goal-Dict observation."""

# MuJoCo's bindings have no type stubs.
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
from dfplan_envs.pointmaze.maps import Cell, MazeMap, parse_map
from dfplan_envs.pointmaze.model import WALL_HEIGHT, build_model
from dfplan_envs.pointmaze.render import make_renderer
from dfplan_envs.pointmaze.rules import RULES

GOAL_MODES = ("random", "fixed")
RESET_OPTIONS = ("start", "goal", "reset_cell", "goal_cell")


class PointMazeEnv(gym.Env):
    """A ball pushed through a maze: D4RL's Maze2D and Gymnasium-Robotics' PointMaze in one class.

    Observation: Dict of float64 with "observation" (x, y, vx, vy), "achieved_goal" (x, y) and
    "desired_goal" (x, y), in meters and meters per second, origin at the center of the map.
    Action: Box(-1, 1, (2,)), a force in units of 100 N. One step is 0.01 s. Before a step each
    velocity component is clipped to 5 m/s. The reward is 1 for a step that ends within the success
    radius, else 0; `info["success"]` is the same as a bool. The goal does not move during an
    episode.

    protocol="d4rl" (Fu et al. 2020, maze_model.py): success radius 0.5 m, no termination. The start
    is a uniformly drawn free cell with position noise U(-0.1, 0.1) m and velocity N(0, 0.1) m/s. A
    random goal is drawn the same way, independently of the start, so it may lie in the start cell
    (one episode in seven on UMaze). D4RL does the same, and published Multi2D scores include those
    episodes. A fixed goal is exactly the center of the map's 'G' cell; as in D4RL, episodes may
    start in that cell.

    protocol="robotics" (Gymnasium-Robotics' PointMaze with continuing_task=False): success radius
    0.45 m, the episode ends at the goal, position noise U(-0.25, 0.25) m, start at rest, start and
    goal in different cells.

    `reset(options=...)` accepts "start", (x, y) at rest or (x, y, vx, vy), and "goal", (x, y), both
    exact. Alternatively it accepts "reset_cell" (row, column), with the noise of the rules, and
    "goal_cell" (row, column), exact under D4RL and with noise under Gymnasium-Robotics, as in those
    benchmarks.

    Args:
        maze_map: Map, see `dfplan_envs.pointmaze.maps.parse_map`. If it has 'R' cells, episodes
            start only there.
        protocol: Rules, "d4rl" or "robotics".
        goal: Goal choice, "random" over all free cells or "fixed" at the map's only 'G' cell.
        render_mode: None or "rgb_array".
        width: Frame width in pixels.
        height: Frame height in pixels.

    Raises:
        ValueError: If the map, protocol, goal, render mode or a reset option is invalid, or an
            action is not finite.
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
        _check_choice("protocol", protocol, RULES)
        _check_choice("goal", goal, GOAL_MODES)
        _check_choice("render_mode", render_mode, (None, *self.metadata["render_modes"]))
        self.maze = parse_map(maze_map)
        if goal == "fixed" and len(self.maze.goals) != 1:
            raise ValueError(
                f"goal='fixed' needs exactly one 'G' cell in the map, got {len(self.maze.goals)}"
            )
        self.rules = RULES[protocol]
        self.goal_mode = goal
        self.render_mode = render_mode
        self.frame_size = (height, width)
        self.goal = np.zeros(2)
        self._build()
        self.observation_space = spaces.Dict(
            observation=spaces.Box(-np.inf, np.inf, (4,), np.float64),
            achieved_goal=spaces.Box(-np.inf, np.inf, (2,), np.float64),
            desired_goal=spaces.Box(-np.inf, np.inf, (2,), np.float64),
        )
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def _build(self) -> None:
        self.model = build_model(self.maze)
        self.data = mujoco.MjData(self.model)
        # Views into MuJoCo's memory; fetching them in every step would double its run time.
        self._qpos = self.data.qpos
        self._qvel = self.data.qvel
        self._ctrl = self.data.ctrl
        self._renderer = None

    @property
    def dt(self) -> float:
        """Seconds per control step."""
        return DT

    @property
    def success_radius(self) -> float:
        """Distance to the goal that counts as success, in meters."""
        return self.rules.success_radius

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Start an episode; see the class docstring for `options`."""
        super().reset(seed=seed)
        options = {key: value for key, value in (options or {}).items() if value is not None}
        for key in options:
            _check_choice("reset option", key, RESET_OPTIONS)
        goal, goal_cell = self._draw_goal(options)
        start = self._draw_start(options, goal_cell)
        mujoco.mj_resetData(self.model, self.data)
        self._qpos[:] = start[:2]
        self._qvel[:] = start[2:]
        self.goal = goal
        return self._observe(), {"success": self._goal_distance() <= self.success_radius}

    def _draw_goal(self, options: dict[str, Any]) -> tuple[np.ndarray, Cell]:
        """Return the goal (x, y) in meters and its cell."""
        if "goal" in options:
            goal = self._check_point("goal", options["goal"], (2,))
            return goal, self.maze.cell(goal)
        if "goal_cell" in options:
            cell = self._check_cell("goal_cell", options["goal_cell"])
            exact = not self.rules.terminates
        elif self.goal_mode == "fixed":
            cell = self.maze.goals[0]
            exact = True
        else:
            cell = self._draw_cell(self.maze.free)
            exact = False
        center = self.maze.center(cell)
        goal = center if exact else center + self._draw_position_noise()
        return goal, cell

    def _draw_start(self, options: dict[str, Any], goal_cell: Cell) -> np.ndarray:
        """Return the start state (x, y, vx, vy) in SI units."""
        if "start" in options:
            start = self._check_point("start", options["start"], (2, 4))
            return np.concatenate([start, np.zeros(4 - len(start))])
        if "reset_cell" in options:
            cell = self._check_cell("reset_cell", options["reset_cell"])
        else:
            cells = self.maze.starts
            if self.rules.separate_cells:
                cells = [cell for cell in cells if cell != goal_cell] or cells
            cell = self._draw_cell(cells)
        velocity = self.np_random.normal(0.0, 1.0, 2) * self.rules.start_speed
        position = self.maze.center(cell) + self._draw_position_noise()
        return np.concatenate([position, velocity])

    def _draw_cell(self, cells: list[Cell]) -> Cell:
        return cells[int(self.np_random.integers(len(cells)))]

    def _draw_position_noise(self) -> np.ndarray:
        half_width = self.rules.position_noise
        return self.np_random.uniform(-half_width, half_width, 2)

    def _check_cell(self, name: str, cell: Any) -> Cell:
        cell = (int(cell[0]), int(cell[1]))
        if not self.maze.is_free(cell):
            raise ValueError(f"{name} {cell} is not a free cell; free cells: {self.maze.free}")
        return cell

    def _check_point(self, name: str, point: Any, sizes: tuple[int, ...]) -> np.ndarray:
        point = np.asarray(point, np.float64)
        if point.ndim != 1 or len(point) not in sizes or not np.isfinite(point).all():
            counts = " or ".join(map(str, sizes))
            raise ValueError(f"{name} must be {counts} finite numbers in SI units, got {point}")
        if not self.maze.is_free(self.maze.cell(point)):
            raise ValueError(f"{name} {point} is in a wall or off the map")
        return point.copy()

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Apply a force to the ball for 0.01 s."""
        fx = float(action[0])
        fy = float(action[1])
        if not (math.isfinite(fx) and math.isfinite(fy)):
            raise ValueError(f"action must be finite, got {action}")
        vx, vy = self._qvel.tolist()
        if not (-MAX_SPEED <= vx <= MAX_SPEED and -MAX_SPEED <= vy <= MAX_SPEED):
            np.clip(self._qvel, -MAX_SPEED, MAX_SPEED, out=self._qvel)
        self._ctrl[0] = min(max(fx, -1.0), 1.0)
        self._ctrl[1] = min(max(fy, -1.0), 1.0)
        mujoco.mj_step(self.model, self.data)
        success = self._goal_distance() <= self.success_radius
        terminated = success and self.rules.terminates
        return self._observe(), float(success), terminated, False, {"success": success}

    def _goal_distance(self) -> float:
        x, y = self._qpos.tolist()
        goal_x, goal_y = self.goal.tolist()
        return math.hypot(x - goal_x, y - goal_y)

    def _observe(self) -> dict[str, np.ndarray]:
        return {
            "observation": np.concatenate((self._qpos, self._qvel)),
            "achieved_goal": self._qpos.copy(),
            "desired_goal": self.goal.copy(),
        }

    def may_hold_goal(self, point: np.ndarray) -> bool:
        """Return whether a point (x, y) is a valid goal position: on the map and not in a wall."""
        return self.maze.is_free(self.maze.cell(point))

    def compute_reward(
        self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any = None
    ) -> np.ndarray:
        """Compute the reward [...] at `achieved_goal` [..., 2] for `desired_goal` [..., 2]."""
        distance = np.linalg.norm(np.subtract(achieved_goal, desired_goal), axis=-1)
        return (distance <= self.success_radius).astype(np.float64)

    def compute_terminated(
        self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any = None
    ) -> np.ndarray:
        """Return whether the episode ends at `achieved_goal`; see `compute_reward`.

        Part of Gymnasium-Robotics' interface for goal-conditioned environments.
        """
        reached = self.compute_reward(achieved_goal, desired_goal) > 0
        return np.logical_and(reached, self.rules.terminates)

    def compute_truncated(
        self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any = None
    ) -> np.ndarray:
        """Return False everywhere, because `gymnasium.wrappers.TimeLimit` handles the time limit.

        Part of Gymnasium-Robotics' interface for goal-conditioned environments.
        """
        return np.zeros(np.shape(achieved_goal)[:-1], bool)

    def draw(self, ax) -> None:
        """Draw walls and goal on a matplotlib Axes, in meters, x to the right and y up."""
        draw_maze(ax, self.maze, self.goal, radius=self.success_radius)

    def render(self) -> np.ndarray | None:
        """Render the current frame, uint8 [height, width, 3]; None without a render mode.

        Without OpenGL the frame is drawn with matplotlib, after a single warning.
        """
        if self.render_mode is None:
            gym.logger.warn("render() needs render_mode='rgb_array' in gymnasium.make")
            return None
        if self._renderer is None:
            self._renderer = make_renderer(
                model=self.model,
                data=self.data,
                maze=self.maze,
                radius=self.success_radius,
                size=self.frame_size,
            )
        self.model.site("target").pos = (*self.goal, WALL_HEIGHT / 2)
        return self._renderer.frame(self.data, self.goal)

    @property
    def mujoco_renderer(self) -> MujocoRenderer | None:
        """Gymnasium's renderer, as in its MuJoCo environments; None if it is not in use."""
        return getattr(self._renderer, "mujoco", None)

    def close(self) -> None:
        """Release the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes, with MuJoCo's objects replaced by position and velocity."""
        state = self.__dict__.copy()
        for name in ("model", "data", "_qpos", "_qvel", "_ctrl", "_renderer"):
            del state[name]
        state["physics"] = (self._qpos.copy(), self._qvel.copy(), self.data.time)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Rebuild the model and restore position and velocity."""
        qpos, qvel, time = state.pop("physics")
        self.__dict__.update(state)
        self._build()
        self._qpos[:] = qpos
        self._qvel[:] = qvel
        self.data.time = time


def _check_choice(name: str, value: Any, valid: Any) -> None:
    if value not in valid:
        raise ValueError(f"unknown {name} {value!r}; valid: {', '.join(map(repr, valid))}")
