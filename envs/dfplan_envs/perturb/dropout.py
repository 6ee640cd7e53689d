"""Sensor dropouts: missing numbers are NaN. The observation of a reset is always complete."""

from collections.abc import Sequence

import gymnasium as gym
import numpy as np

from dfplan_envs.perturb.base import check_integer
from dfplan_envs.perturb.sensors import SensorPerturbation, check_per_sensor


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
    """Drops whole observations, or the same part of them, independently at each step.

    Args:
        env: Environment.
        probability: Probability that a step's observation is missing, for all sensors or for each.
            Sensors of equal probability are missing at the same steps.

    Raises:
        ValueError: If a probability is not in [0, 1], or their number does not match the sensors.
    """

    def __init__(self, env: gym.Env, probability: float | Sequence[float]):
        super().__init__(env)
        self._probability = _check_probability("obs_dropout", probability, self.sizes)

    def _is_missing(self, count: int) -> np.ndarray:
        return self._rng.random() < self._probability


class SensorDropout(_MissingReadings):
    """Drops single numbers, independently at each step.

    Args:
        env: Environment.
        probability: Probability that a number is missing, for all sensors or for each.

    Raises:
        ValueError: If a probability is not in [0, 1], or their number does not match the sensors.
    """

    def __init__(self, env: gym.Env, probability: float | Sequence[float]):
        super().__init__(env)
        self._probability = _check_probability("sensor_dropout", probability, self.sizes)

    def _is_missing(self, count: int) -> np.ndarray:
        return self._rng.random(count) < self._probability


class Burst(_MissingReadings):
    """Drops whole observations, or a part of them, for several steps in a row, periodically.

    Args:
        env: Environment.
        length: Control steps in a burst, for all sensors or for each; 0 for sensors that are never
            missing. The bursts of all sensors start at the same steps.
        period: Control steps from the start of one burst to the start of the next; the start of
            the first burst is drawn at random.

    Raises:
        ValueError: If they are not integers, no length is positive, the number of lengths does not
            match the sensors, or the period is shorter than a burst.
    """

    def __init__(self, env: gym.Env, length: int | Sequence[int], period: int = 50):
        super().__init__(env)
        self._length = check_per_sensor("obs_burst length", length, self.sizes)
        if (self._length % 1).any() or not self._length.any():
            raise ValueError(f"obs_burst length must be integers, one of them >= 1, got {length}")
        self._period = check_integer("obs_burst period", period, low=int(self._length.max()))
        self._first = 0

    def begin_episode(self) -> None:
        """Draw the start of the first burst."""
        super().begin_episode()
        self._first = int(self._rng.integers(self._period))

    def _is_missing(self, count: int) -> np.ndarray:
        steps_since_first = self._step - self._first
        return (steps_since_first >= 0) & (steps_since_first % self._period < self._length)


def _check_probability(name: str, value: float | Sequence[float], sizes: list[int]) -> np.ndarray:
    """Return one probability per sensor; see `check_per_sensor`.

    Raises:
        ValueError: If one is not in [0, 1], or their number is wrong.
    """
    values = np.asarray(value, np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"{name} probability must be in [0, 1], got {value}")
    return check_per_sensor(f"{name} probability", value, sizes)
