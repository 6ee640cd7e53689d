"""The T-maze as a Gymnasium environment: PointMaze's physics, a cue for a goal."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

from dfplan_envs.pointmaze.env import PointMazeEnv
from dfplan_envs.pointmaze.maps import Maze

MAP = ("#######", "#GOOOG#", "###O###", "###O###", "###O###", "###R###", "#######")
"""A stem of 4 m from the start to the junction, and an arm of 2 m to either side of it."""
CUES = (-1.0, 1.0)
"""Of the left arm and of the right one."""
START_NOISE = 0.2
"""Half width of the uniform noise on the start's position, metres."""


class TMazeEnv(gym.Env):
    """A ball in a T-maze, to go to the arm that a cue named: a task that needs memory.

    Observation: Box of float64 (x, y, vx, vy, cue), in metres and metres per second, origin at the
    centre of the map. The cue is -1 (left arm) or 1 (right arm) in the observations of `reset` and
    of the first `cue_steps` - 1 steps, and 0 from then on; nothing else tells the arm. Action and
    physics are PointMaze's: a force in units of 100 N, 0.01 s a step.

    An episode ends at the end of either arm, within 0.45 m of it: with reward 1 and
    `info["success"]` in the arm that the cue named, with neither in the other one.

    `reset(options={"arm": 0})` chooses the left arm, 1 the right one; by default either is as
    likely. The start is the foot of the stem, at rest, with noise U(-0.2, 0.2) m.

    Args:
        cue_steps: observations that show the cue, at least 1.
        render_mode: None or "rgb_array"; frames show the goal.
        width, height: size of a frame in pixels.

    Raises:
        ValueError: for bad arguments, a reset option or an arm that is unknown, or an action that
            is not finite.
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
        self._point = PointMazeEnv(MAP, "robotics", "random", render_mode, width, height)
        self.render_mode, self.action_space = render_mode, self._point.action_space
        self.observation_space = spaces.Box(-np.inf, np.inf, (5,), np.float64)
        self.arms = [self.maze.center(cell) for cell in self.maze.goals]
        self.cue_steps, self._arm, self._elapsed = cue_steps, 0, 0

    @property
    def maze(self) -> Maze:
        """The map."""
        return self._point.maze

    @property
    def model(self) -> Any:
        """MuJoCo's model."""
        return self._point.model

    @property
    def data(self) -> Any:
        """MuJoCo's data."""
        return self._point.data

    @property
    def dt(self) -> float:
        """Seconds per step."""
        return self._point.dt

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; see the class for `options`."""
        given = {k: v for k, v in (options or {}).items() if v is not None}
        arm = given.pop("arm", None)
        if given or arm not in (None, 0, 1):
            raise ValueError(f"reset takes the option 'arm', 0 or 1; got {options}")
        super().reset(seed=seed)
        self._point.reset(seed=seed)  # only seeds: where all is comes from the next one
        random = self._point.np_random
        self._arm = int(random.integers(len(self.arms))) if arm is None else int(arm)
        self._elapsed = 0
        foot = self.maze.center(self.maze.starts[0])
        start = foot + random.uniform(-START_NOISE, START_NOISE, 2)
        found, info = self._point.reset(options={"start": start, "goal": self.arms[self._arm]})
        return self._observe(found), info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Push the ball for 0.01 s."""
        found, reward, success, truncated, info = self._point.step(action)
        self._elapsed += 1
        other = self._point.compute_reward(found["achieved_goal"], self.arms[1 - self._arm])
        return self._observe(found), reward, bool(success or other), truncated, info

    def _observe(self, found: dict[str, np.ndarray]) -> np.ndarray:
        cue = CUES[self._arm] if self._elapsed < self.cue_steps else 0.0
        return np.append(found["observation"], cue)

    def draw(self, ax: Any) -> None:
        """Draw walls and the end of the cued arm on a matplotlib Axes, in metres."""
        self._point.draw(ax)

    def render(self) -> np.ndarray | None:
        """The present frame, see `PointMazeEnv.render`."""
        return self._point.render()

    @property
    def mujoco_renderer(self) -> MujocoRenderer | None:
        """Gymnasium's renderer, as its MuJoCo environments have it; None where none is in use."""
        return self._point.mujoco_renderer

    def close(self) -> None:
        """Free the renderer."""
        self._point.close()
