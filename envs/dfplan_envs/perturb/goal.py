"""MovingGoal: the goal does not stay where it was."""

from typing import Any

import gymnasium as gym
import numpy as np

from dfplan_envs.perturb.base import Perturbation, number, whole

TRIES = 20


class MovingGoal(Perturbation):
    """Moves the goal straight on, and in another direction where it may not go on.

    It stays within a distance of where the episode had it, and out of what the environment's
    `may_hold_goal(point)` forbids, such as walls; where no direction is left, it rests.

    Args:
        env: an environment that keeps its goal, a vector, in `goal`, as Gymnasium-Robotics' do.
        speed: units of the goal per second.
        radius: greatest distance from the first goal.
        period: steps from one move to the next; a planner plans anew at each.

    Raises:
        ValueError: for another environment, or other numbers.
    """

    def __init__(self, env: gym.Env, speed: float, radius: float = 1.0, period: int = 20):
        super().__init__(env)
        self._speed, self._radius = number("moving_goal speed", speed, 0), radius
        number("moving_goal radius", radius, 0)
        self._period = whole("moving_goal period", period, 1)
        if not (hasattr(env.unwrapped, "goal") and hasattr(env.unwrapped, "dt")):
            raise ValueError(f"moving_goal needs an environment with goal and dt: {env.unwrapped}")

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset, and draw where the goal goes."""
        found = super().reset(**kwargs)
        inner: Any = self.env.unwrapped
        self._step, self._first = 0, np.array(inner.goal, np.float64)
        self._heading = self._draw()
        return found

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step; the goal moves before it where it is time to."""
        self._step += 1
        if self._step % self._period == 0:
            self._move()
        return super().step(action)

    def _move(self) -> None:
        inner: Any = self.env.unwrapped
        way = self._speed * inner.dt * self._period
        for _ in range(TRIES):
            place = inner.goal + way * self._heading
            if self._may_hold(inner, place):
                inner.goal = place
                return
            self._heading = self._draw()

    def _may_hold(self, inner: Any, place: np.ndarray) -> bool:
        allowed = getattr(inner, "may_hold_goal", lambda point: True)
        return bool(np.linalg.norm(place - self._first) <= self._radius and allowed(place))

    def _draw(self) -> np.ndarray:
        drawn = self._rng.standard_normal(len(self._first))
        return drawn / np.linalg.norm(drawn)
