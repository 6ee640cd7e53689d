"""Sensor errors: Gaussian noise at every step, or a bias that is constant during an episode."""

from collections.abc import Sequence

import gymnasium as gym
import numpy as np

from dfplan_envs.perturb.sensors import SensorPerturbation, check_per_sensor


class Noise(SensorPerturbation):
    """Adds independent Gaussian noise at every step.

    Args:
        env: Environment.
        deviation: Standard deviation in the observation's units, for all sensors or for each.

    Raises:
        ValueError: If a deviation is negative or not finite, or their number does not match the
            sensors.
    """

    def __init__(self, env: gym.Env, deviation: float | Sequence[float]):
        super().__init__(env)
        self._deviation = check_per_sensor("obs_noise deviation", deviation, self.sizes)

    def sense(self, reading: np.ndarray) -> np.ndarray:
        """See `SensorPerturbation`."""
        return reading + self._deviation * self._rng.standard_normal(len(reading))


class Bias(SensorPerturbation):
    """Adds a Gaussian error that is drawn once per episode.

    Args:
        env: Environment.
        deviation: Standard deviation in the observation's units, for all sensors or for each.

    Raises:
        ValueError: If a deviation is negative or not finite, or their number does not match the
            sensors.
    """

    def __init__(self, env: gym.Env, deviation: float | Sequence[float]):
        super().__init__(env)
        self._deviation = check_per_sensor("obs_bias deviation", deviation, self.sizes)
        self._bias = np.zeros(sum(self.sizes))

    def begin_episode(self) -> None:
        """Draw the bias."""
        self._bias = self._deviation * self._rng.standard_normal(len(self._bias))

    def sense(self, reading: np.ndarray) -> np.ndarray:
        """See `SensorPerturbation`."""
        return reading + self._bias
