"""A privileged reference: a near time-optimal controller that knows the map and the dynamics."""

import gymnasium as gym
import numpy as np

from dfplan_envs.pointmaze.env import PointMazeEnv
from experiments.maze2d.geodesic import geodesic
from experiments.maze2d.physics import point_mass
from experiments.maze2d.search import Search, SearchConfig, stay


class NearOptimalPolicy:
    """Model-predictive control on the exact dynamics, with the geodesic field as the cost to go.

    It pushes bang-bang for the fewest steps outside the goal's disc, lets walls brake the ball
    where that is faster, and stays in the disc. A new goal begins a new search, as does leaving the
    disc.

    Args:
        env: a PointMaze environment, wrapped or not.
        seed: of the search.
        config: the search's settings.

    Raises:
        TypeError: if `env` is no PointMaze.
    """

    def __init__(self, env: gym.Env, seed: int = 0, config: SearchConfig | None = None):
        maze = env.unwrapped
        if not isinstance(maze, PointMazeEnv):
            raise TypeError(f"NearOptimalPolicy needs a PointMaze environment, got {maze}")
        self._maze, self._radius = maze.maze, maze.success_radius
        self._mass = point_mass(maze.model)
        self._rng, self._config = np.random.default_rng(seed), config or SearchConfig()
        self.reset()

    def reset(self) -> None:
        """Forget the goal."""
        self._goal = np.full(2, np.nan)
        self._search: Search | None = None

    def act(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        """Action [2], float32, for one goal-Dict observation."""
        state, goal = observation["observation"], observation["desired_goal"]
        offset = goal - state[:2]
        if np.hypot(*offset) <= self._radius:
            self._search = None
            return stay(offset[:, None], state[2:, None], self._mass)[:, 0].astype(np.float32)
        if self._search is None or not np.array_equal(goal, self._goal):
            self._goal = goal.copy()
            field = geodesic(self._maze, goal, self._radius)
            self._search = Search(
                self._mass, field, self._goal, self._radius, self._rng, self._config
            )
        return self._search.act(state)
