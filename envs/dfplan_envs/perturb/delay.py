"""Delays: observations that are old, and actions that arrive late."""

from collections import deque
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from dfplan_envs.perturb.base import Perturbation, whole
from dfplan_envs.perturb.sensors import SensorPerturbation


class ObservationDelay(SensorPerturbation):
    """Shows each reading some steps later; until then, the reset's own.

    Args:
        env: the environment.
        steps: of delay.

    Raises:
        ValueError: when it is no integer from 0 up.
    """

    def __init__(self, env: gym.Env, steps: int):
        super().__init__(env)
        self._steps = whole("obs_delay steps", steps, 0)

    def begin(self) -> None:
        """Forget the readings of the last episode."""
        self._readings: deque[np.ndarray] = deque(maxlen=self._steps + 1)

    def sense(self, reading: np.ndarray) -> np.ndarray:
        """See `SensorPerturbation`."""
        self._readings.append(reading)
        return self._readings[0]


class ActionDelay(Perturbation):
    """Carries each action out some steps later; until then, zero, or what is nearest to it.

    Args:
        env: the environment.
        steps: of delay.

    Raises:
        ValueError: when it is no integer from 0 up, or actions are no Box.
    """

    def __init__(self, env: gym.Env, steps: int):
        super().__init__(env)
        if not isinstance(env.action_space, spaces.Box):
            raise ValueError(f"action_delay needs a Box of actions, got {env.action_space}")
        self._steps, self._space = whole("action_delay steps", steps, 0), env.action_space

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset, and forget the actions under way."""
        idle = np.clip(np.zeros(self._space.shape), self._space.low, self._space.high)
        self._actions = deque([idle.astype(self._space.dtype)] * self._steps)
        return super().reset(**kwargs)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step with the action of some steps ago."""
        self._actions.append(np.array(action))
        return super().step(self._actions.popleft())
