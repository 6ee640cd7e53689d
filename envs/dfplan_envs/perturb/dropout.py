"""Sensors that fall silent: what is missing is NaN. A reset's own observation always arrives."""

import gymnasium as gym
import numpy as np

from dfplan_envs.perturb.base import number, whole
from dfplan_envs.perturb.sensors import SensorPerturbation


class _Silence(SensorPerturbation):
    drops = True

    def begin(self) -> None:
        self._step = -1

    def sense(self, reading: np.ndarray) -> np.ndarray:
        self._step += 1
        silent = self._silent(len(reading))
        return np.where(silent & (self._step > 0), np.nan, reading)

    def _silent(self, count: int) -> np.ndarray:
        raise NotImplementedError


class Dropout(_Silence):
    """Whole observations are missing, each step for itself.

    Args:
        env: the environment.
        probability: of a step's observation to be missing.

    Raises:
        ValueError: when it is not in [0, 1].
    """

    def __init__(self, env: gym.Env, probability: float):
        super().__init__(env)
        self._probability = number("obs_dropout probability", probability, 0, 1)

    def _silent(self, count: int) -> np.ndarray:
        return np.full(count, self._rng.random() < self._probability)


class SensorDropout(_Silence):
    """Single numbers are missing, each for itself.

    Args:
        env: the environment.
        probability: of a number to be missing.

    Raises:
        ValueError: when it is not in [0, 1].
    """

    def __init__(self, env: gym.Env, probability: float):
        super().__init__(env)
        self._probability = number("sensor_dropout probability", probability, 0, 1)

    def _silent(self, count: int) -> np.ndarray:
        return self._rng.random(count) < self._probability


class Burst(_Silence):
    """Whole observations are missing for a while, again and again.

    Args:
        env: the environment.
        length: steps of a burst.
        period: steps from one burst's begin to the next one's; the first is drawn.

    Raises:
        ValueError: when they are no positive integers, or the period is shorter than the burst.
    """

    def __init__(self, env: gym.Env, length: int, period: int = 50):
        super().__init__(env)
        self._length = whole("obs_burst length", length, 1)
        self._period = whole("obs_burst period", period, self._length)
        self._first = 0

    def begin(self) -> None:
        """Draw when the first burst begins."""
        super().begin()
        self._first = int(self._rng.integers(self._period))

    def _silent(self, count: int) -> np.ndarray:
        since = self._step - self._first
        return np.full(count, since >= 0 and since % self._period < self._length)
