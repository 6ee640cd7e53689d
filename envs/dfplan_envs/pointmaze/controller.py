"""D4RL's waypoint controller, for a batch of mazes and as a policy for one environment."""

from dataclasses import dataclass

import gymnasium as gym
import numpy as np

from dfplan_envs.pointmaze.env import PointMazeEnv
from dfplan_envs.pointmaze.routes import Routes, build_routes

MAX_STEP = 0.2
"""Distance along an axis above which a position change is a reset, in meters.

One control step covers at most 0.06 m.
"""


@dataclass(frozen=True)
class ControllerConfig:
    """Settings of the waypoint controller; the defaults are D4RL's (waypoint_controller.py).

    Attributes:
        p_gain: Force (100 N) per meter to the waypoint.
        d_gain: Force (100 N) per meter per second of velocity.
        reach: Distance in meters at which the next waypoint is selected, and at which a goal
            counts as reached.
        jitter: Half-width in meters of the uniform noise on waypoints other than the goal. D4RL
            draws it from (-0.2, 0), one-sided; here it has the same width, centered on the cell.
        reroute_distance: Distance in meters from the waypoint beyond which a new route is
            computed.
    """

    p_gain: float = 10.0
    d_gain: float = -1.0
    reach: float = 0.1
    jitter: float = 0.1
    reroute_distance: float = 2.0

    def __post_init__(self):
        if not (self.reach > 0 and self.jitter >= 0 and self.reroute_distance > 1.5):
            raise ValueError(
                f"need reach > 0, jitter >= 0 and reroute_distance > 1.5 m, got {self}"
            )


class WaypointController:
    """Follows shortest routes over cells in `B` copies of one maze, each to its own goal.

    Args:
        routes: Route tables of the maze.
        position: [B, 2] ball positions in meters.
        goal: [B, 2] goal positions in meters.
        rng: Generator for waypoint jitter and for ties between routes.
        config: Gains and distances.
    """

    def __init__(
        self,
        routes: Routes,
        position: np.ndarray,
        goal: np.ndarray,
        rng: np.random.Generator,
        config: ControllerConfig | None = None,
    ):
        self.config = config or ControllerConfig()
        self._routes = routes
        self._rng = rng
        self.goal = np.array(goal, np.float64)
        self._target = routes.locate(self.goal)
        self._cell = routes.locate(position)
        self._waypoint = np.zeros_like(self.goal)
        self._advance(np.arange(len(self.goal)))

    def set_goal(self, rows: np.ndarray, position: np.ndarray, goal: np.ndarray) -> None:
        """Set new goals for some mazes of the batch.

        Args:
            rows: [K] indices of the mazes.
            position: [K, 2] their ball positions in meters.
            goal: [K, 2] their new goals in meters.
        """
        self.goal[rows] = goal
        self._target[rows] = self._routes.locate(goal)
        self._cell[rows] = self._routes.locate(position)
        self._advance(rows)

    def act(self, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return actions [B, 2] in [-1, 1], and select the next waypoint where one is reached.

        Args:
            position: [B, 2] ball positions in meters.
            velocity: [B, 2] ball velocities in meters per second.
        """
        offset = self._waypoint - position
        squared_distance = np.einsum("bi,bi->b", offset, offset)
        off_route = np.flatnonzero(squared_distance > self.config.reroute_distance**2)
        reached = np.flatnonzero(
            (squared_distance < self.config.reach**2) & (self._cell != self._target)
        )
        if off_route.size or reached.size:
            self._cell[off_route] = self._routes.locate(position[off_route])
            self._advance(np.concatenate([off_route, reached]))
            offset = self._waypoint - position
        action = self.config.p_gain * offset + self.config.d_gain * velocity
        return np.clip(action, -1.0, 1.0, out=action)

    def _advance(self, rows: np.ndarray) -> None:
        """Select the next waypoint of some mazes."""
        target = self._target[rows]
        cell = self._routes.next_cell(self._cell[rows], target, self._rng)
        jitter = self._rng.uniform(-self.config.jitter, self.config.jitter, (len(rows), 2))
        self._cell[rows] = cell
        self._waypoint[rows] = np.where(
            (cell == target)[:, None], self.goal[rows], self._routes.centers[cell] + jitter
        )


class WaypointPolicy:
    """The controller that collected the data, as a policy for one PointMaze: a baseline.

    It knows the map, as it does during data collection. A new episode is detected by a changed
    goal or a jump of the ball; `reset` starts a new episode explicitly.

    Args:
        env: PointMaze environment, wrapped or not.
        noise: Standard deviation of the Gaussian noise on actions; 0.5 during data collection.
        seed: Seed for noise, jitter and ties.
        config: Controller settings.

    Raises:
        TypeError: If `env` is not a PointMaze.
    """

    def __init__(
        self,
        env: gym.Env,
        noise: float = 0.0,
        seed: int = 0,
        config: ControllerConfig | None = None,
    ):
        if not isinstance(env.unwrapped, PointMazeEnv):
            raise TypeError(f"WaypointPolicy needs a PointMaze environment, got {env.unwrapped}")
        self._routes = build_routes(env.unwrapped.maze)
        self._noise = noise
        self._config = config
        self._rng = np.random.default_rng(seed)
        self.reset()

    def reset(self) -> None:
        """Discard the current route."""
        self._controller: WaypointController | None = None
        self._last_position = np.zeros((1, 2))

    def act(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        """Return the action [2], float32, for one goal-Dict observation."""
        state = observation["observation"][None]
        goal = observation["desired_goal"][None]
        position = state[:, :2]
        velocity = state[:, 2:]
        controller = self._controller
        jumped = np.abs(position - self._last_position).max() > MAX_STEP
        if controller is None or jumped or not np.array_equal(controller.goal, goal):
            controller = WaypointController(
                self._routes, position, goal, rng=self._rng, config=self._config
            )
        self._controller = controller
        self._last_position = position.copy()
        action = controller.act(position, velocity)[0]
        if self._noise:
            action = action + self._noise * self._rng.standard_normal(2)
        return np.clip(action, -1.0, 1.0).astype(np.float32)
