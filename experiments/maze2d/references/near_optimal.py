"""A privileged reference: near time-optimal control that knows the map and the dynamics."""

import gymnasium as gym
import numpy as np

from dfplan_envs.pointmaze.env import PointMazeEnv
from experiments.maze2d.references.geodesic import geodesic
from experiments.maze2d.references.physics import point_mass
from experiments.maze2d.references.search import Search, SearchConfig, stay


class NearOptimalPolicy:
    """Model-predictive control on the exact dynamics, with the geodesic field as cost to go.

    Controls are bang-bang and minimize the steps outside the goal's disc; walls may brake the ball
    where that is faster. Inside the disc the policy stays there. A new goal starts a new search, as
    does leaving the disc.

    Args:
        env: PointMaze environment, wrapped or not.
        seed: PRNG seed for the search.
        config: Settings of the search.

    Raises:
        TypeError: If `env` is not a PointMaze environment.
    """

    def __init__(self, env: gym.Env, seed: int = 0, config: SearchConfig | None = None):
        maze = env.unwrapped
        if not isinstance(maze, PointMazeEnv):
            raise TypeError(f"NearOptimalPolicy needs a PointMaze environment, got {maze}")
        self._maze = maze.maze
        self._radius = maze.success_radius
        self._mass = point_mass(maze.model)
        self._rng = np.random.default_rng(seed)
        self._config = config or SearchConfig()
        self.reset()

    def reset(self) -> None:
        """Drop the current goal and search."""
        self._goal = np.full(2, np.nan)
        self._search: Search | None = None

    def act(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        """Return the action [2], float32, for one goal-Dict observation."""
        state = observation["observation"]
        goal = observation["desired_goal"]
        offset = goal - state[:2]
        if np.hypot(*offset) <= self._radius:
            self._search = None
            return stay(offset[:, None], state[2:, None], self._mass)[:, 0].astype(np.float32)
        if self._search is None or not np.array_equal(goal, self._goal):
            self._goal = goal.copy()
            self._search = Search(
                mass=self._mass,
                field=geodesic(self._maze, goal, self._radius),
                goal=self._goal,
                radius=self._radius,
                rng=self._rng,
                config=self._config,
            )
        return self._search.act(state)
