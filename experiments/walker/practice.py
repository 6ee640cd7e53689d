"""Where the ant practices: in the open and between the walls of a maze."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box

from dfplan_envs.ogbench.ant import AntBatch
from dfplan_envs.ogbench.cells import POSITION_NOISE, MazeCells
from dfplan_envs.ogbench.procedure import toward_goal, unit
from experiments.walker.describe import upward

OPEN = "ogbench.online_locomotion:online-ant-v0"
MAZE = "ogbench.locomaze:antmaze-medium-v0"
GOAL_TOLERANCE = 0.5
RESAMPLE_INTERVAL = 100
"""Control steps between directions in the open, as in OGBench."""
ACTION_NOISE = 0.2
"""Standard deviation of the noise on actions, as in OGBench's collection."""
EPISODE_STEPS = 500
UPRIGHT_REWARD = 0.2
"""Reward per control step for an upright torso, in meters; one on its side gets none.

Without it, the ant gallops as fast as it can, and turns over when it rears up.
"""
IN_MAZE = 0.5
"""Share of episodes in the maze."""


class Practice(gym.Env):
    """An ant that is rewarded for the distance covered in the direction it is told, upright.

    The observation is the ant's without its position, `[27]`, and a unit vector, the direction. In
    the maze, directions lead along the shortest route to one random goal after another, as in the
    collection of data; in the open, they are random. An episode ends when the ant turns over.

    Args:
        action_noise: Standard deviation of the noise on actions.
        in_maze: Share of episodes in the maze.
    """

    def __init__(self, action_noise: float = ACTION_NOISE, in_maze: float = IN_MAZE):
        maze: Any = gym.make(MAZE).unwrapped
        field: Any = gym.make(OPEN).unwrapped
        self._cells = MazeCells(np.asarray(maze.maze_map))
        self._bodies = [AntBatch(model, self._cells, 1) for model in (field.model, maze.model)]
        self._action_noise = action_noise
        self._in_maze = in_maze
        self.observation_space = Box(-np.inf, np.inf, (29,), np.float64)
        self.action_space = Box(-1.0, 1.0, (8,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode in the maze or in the open."""
        super().reset(seed=seed)
        self._maze_episode = bool(self.np_random.uniform() < self._in_maze)
        self._body = self._bodies[self._maze_episode]
        start = self._place() if self._maze_episode else np.zeros(2)
        self._body.reset(start[None], [self.np_random])
        self._step = 0
        self._goal = self._place()
        self._direct()
        return self._observe(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Take a control step; the reward is the progress in meters, and that for being upright."""
        noise = self._action_noise * self.np_random.standard_normal(8)
        before = self._body.positions()
        self._body.step(np.clip(action + noise, -1.0, 1.0)[None])
        meters = float(((self._body.positions() - before) * self._direction).sum())
        self._step += 1
        self._direct()
        up = float(upward(self._body.observe())[0])
        info = {"meters": meters, "upward": up}
        reward = meters + UPRIGHT_REWARD * up
        return self._observe(), reward, up < 0, self._step >= EPISODE_STEPS, info

    def _observe(self) -> np.ndarray:
        return np.concatenate([self._body.observe()[0, 2:], self._direction[0]])

    def _direct(self) -> None:
        """Choose the direction of the next step."""
        if self._maze_episode:
            position = self._body.positions()
            if np.linalg.norm(position - self._goal) <= GOAL_TOLERANCE:
                self._goal = self._place()
            self._direction = toward_goal(self._cells, position, self._goal[None])
        elif self._step % RESAMPLE_INTERVAL == 0:
            self._direction = unit(self.np_random.standard_normal((1, 2)))

    def _place(self) -> np.ndarray:
        """Return a random position in the maze, near the center of a cell."""
        cell = self.np_random.integers(len(self._cells.free))
        offset = self.np_random.uniform(-POSITION_NOISE, POSITION_NOISE, 2)
        return self._cells.centers[cell] + offset
