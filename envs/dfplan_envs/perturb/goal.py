"""A goal that moves during the episode."""

from typing import Any

import gymnasium as gym
import numpy as np

from dfplan_envs.perturb.base import Perturbation, check_integer, check_number

MAX_TRIES = 20
"""Maximum number of directions to try for one move."""


class MovingGoal(Perturbation):
    """Moves the goal along a straight line, and in a new random direction where it is blocked.

    The goal stays within a radius of the episode's first goal, and inside the region that the
    environment's `may_hold_goal(point)` allows, such as outside walls. If no valid direction is
    found, it does not move.

    Args:
        env: Environment with a vector attribute `goal`, as in Gymnasium-Robotics, and `dt`.
        speed: Speed of the goal, in its units per second.
        radius: Maximum distance from the first goal.
        period: Control steps between moves; a planner replans at each move.

    Raises:
        ValueError: If the environment has no `goal` or `dt`, or a number is invalid.
    """

    def __init__(self, env: gym.Env, speed: float, radius: float = 1.0, period: int = 20):
        super().__init__(env)
        self._speed = check_number("moving_goal speed", speed, low=0)
        self._radius = check_number("moving_goal radius", radius, low=0)
        self._period = check_integer("moving_goal period", period, low=1)
        if not (hasattr(env.unwrapped, "goal") and hasattr(env.unwrapped, "dt")):
            raise ValueError(
                f"moving_goal needs an environment with goal and dt, got {env.unwrapped}"
            )

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset, and draw the direction of the goal."""
        observation, info = super().reset(**kwargs)
        inner: Any = self.env.unwrapped
        self._step = 0
        self._first_goal = np.array(inner.goal, np.float64)
        self._direction = self._draw_direction()
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Move the goal if a move is due, then step."""
        self._step += 1
        if self._step % self._period == 0:
            self._move()
        return super().step(action)

    def _move(self) -> None:
        inner: Any = self.env.unwrapped
        distance = self._speed * inner.dt * self._period
        for _ in range(MAX_TRIES):
            goal = inner.goal + distance * self._direction
            if self._is_valid(goal):
                inner.goal = goal
                return
            self._direction = self._draw_direction()

    def _is_valid(self, goal: np.ndarray) -> bool:
        inner: Any = self.env.unwrapped
        in_range = bool(np.linalg.norm(goal - self._first_goal) <= self._radius)
        if hasattr(inner, "may_hold_goal"):
            return in_range and bool(inner.may_hold_goal(goal))
        return in_range

    def _draw_direction(self) -> np.ndarray:
        direction = self._rng.standard_normal(len(self._first_goal))
        return direction / np.linalg.norm(direction)
