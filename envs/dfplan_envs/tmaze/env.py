"""The T-maze as a Gymnasium environment, with PointMaze's physics and a cue instead of a goal."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

from dfplan_envs.pointmaze.env import PointMazeEnv
from dfplan_envs.pointmaze.maps import Maze

MAP = ("#######", "#GOOOG#", "###O###", "###O###", "###O###", "###R###", "#######")
"""A stem of 4 m from the start to the junction, and an arm of 2 m on either side."""
CUES = (-1.0, 1.0)
"""Cues for the left and the right arm."""
START_NOISE = 0.2
"""Half-width of the uniform noise on the start position, in meters."""


class TMazeEnv(gym.Env):
    """A ball in a T-maze must enter the arm named by an earlier cue: a task that requires memory.

    Observation: Box of float64 (x, y, vx, vy, cue), in meters and meters per second, origin at the
    center of the map. The cue is -1 (left arm) or 1 (right arm) in the observations of `reset` and
    of the first `cue_steps` - 1 steps, and 0 afterward; nothing else reveals the arm. Action and
    physics are PointMaze's: a force in units of 100 N, and 0.01 s per step.

    An episode ends within 0.45 m of the end of either arm. In the cued arm the reward is 1 and
    `info["success"]` is True; in the other arm the reward is 0 and `info["success"]` is False.

    `reset(options={"arm": 0})` cues the left arm, 1 the right arm; by default both are equally
    likely. The start is the foot of the stem, at rest, with position noise U(-0.2, 0.2) m.

    Args:
        cue_steps: Number of observations that show the cue, at least 1.
        render_mode: None or "rgb_array"; frames show the goal.
        width: Frame width in pixels.
        height: Frame height in pixels.

    Raises:
        ValueError: If an argument, reset option or arm is invalid, or an action is not finite.
    """

    metadata = PointMazeEnv.metadata

    def __init__(
        self,
        cue_steps: int = 40,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
    ):
        if cue_steps < 1:
            raise ValueError(f"cue_steps must be at least 1, got {cue_steps}")
        self._point = PointMazeEnv(
            maze_map=MAP,
            protocol="robotics",
            goal="random",
            render_mode=render_mode,
            width=width,
            height=height,
        )
        self.render_mode = render_mode
        self.action_space = self._point.action_space
        self.observation_space = spaces.Box(-np.inf, np.inf, (5,), np.float64)
        self.arms = [self.maze.center(cell) for cell in self.maze.goals]
        self.cue_steps = cue_steps
        self._arm = 0
        self._elapsed = 0

    @property
    def maze(self) -> Maze:
        """Maze map."""
        return self._point.maze

    @property
    def model(self) -> Any:
        """MuJoCo model."""
        return self._point.model

    @property
    def data(self) -> Any:
        """MuJoCo data."""
        return self._point.data

    @property
    def dt(self) -> float:
        """Seconds per control step."""
        return self._point.dt

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; see the class docstring for `options`."""
        settings = {key: value for key, value in (options or {}).items() if value is not None}
        arm = settings.pop("arm", None)
        if settings or arm not in (None, 0, 1):
            raise ValueError(f"the only reset option is 'arm', 0 or 1; got {options}")
        super().reset(seed=seed)
        # This only seeds the generator; the reset below sets start and goal.
        self._point.reset(seed=seed)
        rng = self._point.np_random
        self._arm = int(rng.integers(len(self.arms))) if arm is None else int(arm)
        self._elapsed = 0
        foot = self.maze.center(self.maze.starts[0])
        start = foot + rng.uniform(-START_NOISE, START_NOISE, 2)
        options = {"start": start, "goal": self.arms[self._arm]}
        observation, info = self._point.reset(options=options)
        return self._observe(observation), info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Apply a force to the ball for 0.01 s."""
        observation, reward, success, truncated, info = self._point.step(action)
        self._elapsed += 1
        wrong_arm = self.arms[1 - self._arm]
        in_wrong_arm = self._point.compute_reward(observation["achieved_goal"], wrong_arm)
        terminated = bool(success or in_wrong_arm)
        return self._observe(observation), reward, terminated, truncated, info

    def _observe(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        """Append the cue to PointMaze's state."""
        cue = CUES[self._arm] if self._elapsed < self.cue_steps else 0.0
        return np.append(observation["observation"], cue)

    def draw(self, ax: Any) -> None:
        """Draw walls and the end of the cued arm on a matplotlib Axes, in meters."""
        self._point.draw(ax)

    def render(self) -> np.ndarray | None:
        """Render the current frame; see `PointMazeEnv.render`."""
        return self._point.render()

    @property
    def mujoco_renderer(self) -> MujocoRenderer | None:
        """Gymnasium's renderer, as in its MuJoCo environments; None if it is not in use."""
        return self._point.mujoco_renderer

    def close(self) -> None:
        """Release the renderer."""
        self._point.close()
