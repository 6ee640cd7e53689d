"""Delays of observations and actions."""

from collections import deque
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from dfplan_envs.perturb.base import Perturbation, check_integer
from dfplan_envs.perturb.sensors import SensorPerturbation


class ObservationDelay(SensorPerturbation):
    """Delays each reading by some steps; until then, the reset's reading is repeated.

    Args:
        env: Environment.
        steps: Delay in control steps.

    Raises:
        ValueError: If the delay is not an integer >= 0.
    """

    def __init__(self, env: gym.Env, steps: int):
        super().__init__(env)
        self._steps = check_integer("obs_delay steps", steps, low=0)

    def begin_episode(self) -> None:
        """Discard the readings of the previous episode."""
        self._readings: deque[np.ndarray] = deque(maxlen=self._steps + 1)

    def sense(self, reading: np.ndarray) -> np.ndarray:
        """See `SensorPerturbation`."""
        self._readings.append(reading)
        return self._readings[0]


class ActionDelay(Perturbation):
    """Delays each action by some steps; until then, the valid action nearest to zero is applied.

    Args:
        env: Environment with a Box action space.
        steps: Delay in control steps.

    Raises:
        ValueError: If the delay is not an integer >= 0, or the action space is not a Box.
    """

    def __init__(self, env: gym.Env, steps: int):
        super().__init__(env)
        if not isinstance(env.action_space, spaces.Box):
            raise ValueError(f"action_delay needs a Box action space, got {env.action_space}")
        self._steps = check_integer("action_delay steps", steps, low=0)
        self._space = env.action_space

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset, and discard pending actions."""
        idle = np.clip(np.zeros(self._space.shape), self._space.low, self._space.high)
        self._actions = deque([idle.astype(self._space.dtype)] * self._steps)
        return super().reset(**kwargs)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step with the delayed action."""
        self._actions.append(np.array(action))
        return super().step(self._actions.popleft())
