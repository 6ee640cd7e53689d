"""D4RL's waypoint controller, for many mazes at once, and as a policy for one environment."""

from dataclasses import dataclass

import gymnasium as gym
import numpy as np

from dfplan_envs.pointmaze.env import PointMazeEnv
from dfplan_envs.pointmaze.routes import Routes, build_routes


@dataclass(frozen=True)
class ControllerConfig:
    """Settings of the waypoint controller; the defaults are D4RL's (waypoint_controller.py).

    Attributes:
        p_gain: force per metre to the waypoint.
        d_gain: force per metre per second of velocity.
        reach: metres at which the next waypoint follows, and at which a goal counts as reached.
        jitter: half width in metres of the uniform noise on waypoints other than the goal. D4RL
            draws it from (-0.2, 0), one-sided; here it is as wide but centred on the cell.
        lost: metres from the waypoint beyond which the route is planned anew.
    """

    p_gain: float = 10.0
    d_gain: float = -1.0
    reach: float = 0.1
    jitter: float = 0.1
    lost: float = 2.0

    def __post_init__(self):
        if not (self.reach > 0 and self.jitter >= 0 and self.lost > 1.5):
            raise ValueError(f"need reach > 0, jitter >= 0 and lost > 1.5 m, got {self}")


class WaypointController:
    """Follow shortest routes over cells in `B` mazes of one map, each to its own goal.

    Args:
        routes: route tables of the map.
        position: [B, 2] where the balls are, in metres.
        goal: [B, 2] where they go, in metres.
        rng: draws the waypoints' jitter and breaks ties between routes.
        config: gains and distances.
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
        self._routes, self._rng = routes, rng
        self.goal = np.array(goal, np.float64)
        self._target = routes.locate(self.goal)
        self._cell = routes.locate(position)
        self._waypoint = np.zeros_like(self.goal)
        self._advance(np.arange(len(self.goal)))

    def set_goal(self, which: np.ndarray, position: np.ndarray, goal: np.ndarray) -> None:
        """Send the mazes `which` [K] (indices) from `position` [K, 2] to `goal` [K, 2]."""
        self.goal[which] = goal
        self._target[which] = self._routes.locate(goal)
        self._cell[which] = self._routes.locate(position)
        self._advance(which)

    def act(self, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Action [B, 2] in [-1, 1] at `position` and `velocity` [B, 2]; moves waypoints on."""
        offset = self._waypoint - position
        gap = np.einsum("bi,bi->b", offset, offset)
        lost = np.flatnonzero(gap > self.config.lost**2)
        passed = np.flatnonzero((gap < self.config.reach**2) & (self._cell != self._target))
        if lost.size or passed.size:
            self._cell[lost] = self._routes.locate(position[lost])
            self._advance(np.concatenate([lost, passed]))
            offset = self._waypoint - position
        action = self.config.p_gain * offset + self.config.d_gain * velocity
        return np.clip(action, -1.0, 1.0, out=action)

    def _advance(self, which: np.ndarray) -> None:
        target = self._target[which]
        cell = self._routes.next_cell(self._cell[which], target, self._rng)
        jitter = self._rng.uniform(-self.config.jitter, self.config.jitter, (len(which), 2))
        self._cell[which] = cell
        self._waypoint[which] = np.where(
            (cell == target)[:, None], self.goal[which], self._routes.centers[cell] + jitter
        )


class WaypointPolicy:
    """The data's own controller as a policy for one PointMaze environment: a reference to beat.

    It sees the map, as the data's collector does. A new episode is noticed by its goal, or by a
    jump of the ball; `reset` forgets the last one explicitly.

    Args:
        env: a PointMaze environment, wrapped or not.
        noise: standard deviation of Gaussian noise on the action; the data has 0.5.
        seed: seeds noise, jitter and ties.
        config: the controller's settings.

    Raises:
        TypeError: if `env` is no PointMaze.
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
        self._noise, self._config = noise, config
        self._rng = np.random.default_rng(seed)
        self.reset()

    def reset(self) -> None:
        """Forget the route."""
        self._controller: WaypointController | None = None
        self._last = np.zeros((1, 2))

    def act(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        """Action [2], float32, for one goal-Dict observation."""
        state, goal = observation["observation"][None], observation["desired_goal"][None]
        position, velocity = state[:, :2], state[:, 2:]
        controller = self._controller
        jumped = np.abs(position - self._last).max() > 0.2  # a step covers 0.06 m at most
        if controller is None or jumped or not np.array_equal(controller.goal, goal):
            controller = WaypointController(self._routes, position, goal, self._rng, self._config)
        self._controller, self._last = controller, position.copy()
        action = controller.act(position, velocity)[0]
        if self._noise:
            action = action + self._noise * self._rng.standard_normal(2)
        return np.clip(action, -1.0, 1.0).astype(np.float32)
