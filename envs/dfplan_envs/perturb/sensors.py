"""Base class of sensor perturbations: an observation as one vector of degraded readings."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from dfplan_envs.perturb.base import Perturbation

SENSOR_KEYS = ("observation", "achieved_goal")
"""Entries of a goal Dict that are sensor readings; the desired goal is a command."""


class SensorPerturbation(Perturbation):
    """Replaces observations with degraded readings; subclasses implement `sense`.

    The readings are the flat Box observation, or `observation` followed by `achieved_goal` of a
    goal Dict. A number in `achieved_goal` that also occurs in `observation` comes from the same
    sensor. The desired goal is a command, not a reading, and is not changed.

    `info["missing"]` marks missing numbers of the observation; they are NaN, never zero.
    `info["true_observation"]` is the environment's own observation, for scores and figures.

    Args:
        env: Environment with a flat Box or goal-Dict observation.

    Attributes:
        sizes: Number of readings in each part, of `observation` and, in a goal Dict,
            `achieved_goal`.

    Raises:
        ValueError: If the observation is neither a flat Box nor a goal Dict.
    """

    def __init__(self, env: gym.Env):
        super().__init__(env)
        space = env.observation_space
        boxes = [space]
        if isinstance(space, spaces.Dict):
            boxes = [space.spaces.get(key) for key in SENSOR_KEYS]
        if not all(isinstance(box, spaces.Box) and len(box.shape) == 1 for box in boxes):
            raise ValueError(f"sensors need a flat Box or goal-Dict observation, got {space}")
        self.sizes = [box.shape[0] for box in boxes]  # type: ignore[union-attr]

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset the environment, and degrade its observation."""
        observation, info = super().reset(**kwargs)
        self.begin_episode()
        return self._perturb(observation, info)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment, and degrade its observation."""
        observation, reward, terminated, truncated, info = super().step(action)
        observation, info = self._perturb(observation, info)
        return observation, reward, terminated, truncated, info

    def begin_episode(self) -> None:
        """Initialize the state of an episode; does nothing by default."""

    def sense(self, reading: np.ndarray) -> np.ndarray:
        """Degrade the readings `[N]` of all sensors."""
        raise NotImplementedError

    def _perturb(self, observation: Any, info: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        is_goal_dict = isinstance(observation, Mapping)
        arrays = [observation[key] for key in SENSOR_KEYS] if is_goal_dict else [observation]
        # Integer observations become floats, because integers cannot represent NaN.
        arrays = [np.asarray(array, np.result_type(array, np.float32)) for array in arrays]
        sensed = self.sense(np.concatenate(arrays)).astype(arrays[0].dtype)
        sensed_observation = sensed[: self.sizes[0]]
        info = {
            "true_observation": observation,
            **info,
            "missing": np.isnan(sensed_observation),
        }
        if not is_goal_dict:
            return sensed_observation, info
        achieved_goal = _match_sensors(
            observation=arrays[0],
            achieved_goal=arrays[1],
            sensed_observation=sensed_observation,
            sensed_goal=sensed[self.sizes[0] :],
        )
        perturbed = {
            **observation,
            "observation": sensed_observation,
            "achieved_goal": achieved_goal,
        }
        return perturbed, info


def _match_sensors(
    observation: np.ndarray,
    achieved_goal: np.ndarray,
    sensed_observation: np.ndarray,
    sensed_goal: np.ndarray,
) -> np.ndarray:
    """Return the degraded `achieved_goal`.

    A number that equals one of `observation` takes that sensor's reading; any other number takes
    its own.
    """
    equal = np.isclose(achieved_goal[:, None], observation, rtol=0, atol=0, equal_nan=True)
    return np.where(equal.any(axis=1), sensed_observation[equal.argmax(axis=1)], sensed_goal)


def check_per_sensor(name: str, value: Any, sizes: list[int]) -> np.ndarray:
    """Return one number per sensor, from a single number or one number for each.

    If the numbers cover `observation` alone, sensors that occur only in `achieved_goal` get 0.

    Args:
        name: Name of the value, for the error message.
        value: Number or sequence of numbers.
        sizes: Number of readings in each part; see `SensorPerturbation`.

    Raises:
        ValueError: If a number is negative or not finite, or the number of values is wrong.
    """
    values = np.atleast_1d(np.asarray(value, np.float64))
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError(f"{name} must be finite and >= 0, got {value}")
    if len(values) == 1:
        return np.full(sum(sizes), values[0])
    if len(values) not in (sizes[0], sum(sizes)):
        raise ValueError(f"{name} has {len(values)} numbers; expected 1 or {sizes[0]}")
    return np.pad(values, (0, sum(sizes) - len(values)))
