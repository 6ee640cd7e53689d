"""Sensor dropouts: missing numbers are NaN. The observation of a reset is always complete."""

import gymnasium as gym
import numpy as np

from dfplan_envs.perturb.base import check_integer, check_number
from dfplan_envs.perturb.sensors import SensorPerturbation


class _MissingReadings(SensorPerturbation):
    """Replaces readings with NaN after the first; subclasses implement `_is_missing`."""

    drops = True

    def begin_episode(self) -> None:
        self._step = -1

    def sense(self, reading: np.ndarray) -> np.ndarray:
        self._step += 1
        missing = self._is_missing(len(reading))
        return np.where(missing & (self._step > 0), np.nan, reading)

    def _is_missing(self, count: int) -> np.ndarray:
        raise NotImplementedError


class Dropout(_MissingReadings):
    """Drops whole observations, independently at each step.

    Args:
        env: Environment.
        probability: Probability that a step's observation is missing.

    Raises:
        ValueError: If the probability is not in [0, 1].
    """

    def __init__(self, env: gym.Env, probability: float):
        super().__init__(env)
        self._probability = check_number("obs_dropout probability", probability, low=0, high=1)

    def _is_missing(self, count: int) -> np.ndarray:
        return np.full(count, self._rng.random() < self._probability)


class SensorDropout(_MissingReadings):
    """Drops single numbers, independently at each step.

    Args:
        env: Environment.
        probability: Probability that a number is missing.

    Raises:
        ValueError: If the probability is not in [0, 1].
    """

    def __init__(self, env: gym.Env, probability: float):
        super().__init__(env)
        self._probability = check_number("sensor_dropout probability", probability, low=0, high=1)

    def _is_missing(self, count: int) -> np.ndarray:
        return self._rng.random(count) < self._probability


class Burst(_MissingReadings):
    """Drops whole observations for several steps in a row, periodically.

    Args:
        env: Environment.
        length: Control steps in a burst.
        period: Control steps from the start of one burst to the start of the next; the start of
            the first burst is drawn at random.

    Raises:
        ValueError: If they are not positive integers, or the period is shorter than the burst.
    """

    def __init__(self, env: gym.Env, length: int, period: int = 50):
        super().__init__(env)
        self._length = check_integer("obs_burst length", length, low=1)
        self._period = check_integer("obs_burst period", period, low=self._length)
        self._first = 0

    def begin_episode(self) -> None:
        """Draw the start of the first burst."""
        super().begin_episode()
        self._first = int(self._rng.integers(self._period))

    def _is_missing(self, count: int) -> np.ndarray:
        steps_since_first = self._step - self._first
        in_burst = steps_since_first >= 0 and steps_since_first % self._period < self._length
        return np.full(count, in_burst)
