"""Sensors that err: Gaussian noise at every step, and a bias for a whole episode."""

from collections.abc import Sequence

import gymnasium as gym
import numpy as np

from dfplan_envs.perturb.sensors import SensorPerturbation, per_sensor


class Noise(SensorPerturbation):
    """Adds independent Gaussian noise at every step.

    Args:
        env: the environment.
        deviation: standard deviation in the observation's units; one for all, or one for each.

    Raises:
        ValueError: when there are not as many as sensors, or one is negative.
    """

    def __init__(self, env: gym.Env, deviation: float | Sequence[float]):
        super().__init__(env)
        self._deviation = per_sensor("obs_noise deviation", deviation, self.sizes)

    def sense(self, reading: np.ndarray) -> np.ndarray:
        """See `SensorPerturbation`."""
        return reading + self._deviation * self._rng.standard_normal(len(reading))


class Bias(SensorPerturbation):
    """Adds an error that is drawn once for each episode, Gaussian.

    Args:
        env: the environment.
        deviation: standard deviation in the observation's units; one for all, or one for each.

    Raises:
        ValueError: as `Noise`.
    """

    def __init__(self, env: gym.Env, deviation: float | Sequence[float]):
        super().__init__(env)
        self._deviation = per_sensor("obs_bias deviation", deviation, self.sizes)
        self._bias = np.zeros(sum(self.sizes))

    def begin(self) -> None:
        """Draw the bias."""
        self._bias = self._deviation * self._rng.standard_normal(len(self._bias))

    def sense(self, reading: np.ndarray) -> np.ndarray:
        """See `SensorPerturbation`."""
        return reading + self._bias
