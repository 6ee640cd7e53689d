"""Sensors: an observation's numbers as one vector, read in some worse way."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from dfplan_envs.perturb.base import Perturbation


class SensorPerturbation(Perturbation):
    """Replaces what is observed by a worse reading of it.

    The readings are the flat Box observation, or of a goal Dict its `observation` and then its
    `achieved_goal`; a number of `achieved_goal` that stands in `observation` too is the same
    sensor's. The desired goal is an order, not a reading, and stays.

    `info["missing"]` marks the numbers of the observation that are missing: they are NaN, never
    zero. `info["true_observation"]` is what the environment itself said, for scores and figures.

    Raises:
        ValueError: for another kind of observation.
    """

    def __init__(self, env: gym.Env):
        super().__init__(env)
        space = env.observation_space
        parts = [space]
        if isinstance(space, spaces.Dict):
            parts = [space.spaces.get(key) for key in ("observation", "achieved_goal")]
        if not all(isinstance(p, spaces.Box) and len(p.shape) == 1 for p in parts):
            raise ValueError(f"sensors need a flat Box or a goal Dict as observation, got {space}")
        self.sizes = [part.shape[0] for part in parts]  # type: ignore[union-attr]

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset, and read."""
        observation, info = super().reset(**kwargs)
        self.begin()
        return self._read(observation, info)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and read."""
        observation, reward, terminated, truncated, info = super().step(action)
        observation, info = self._read(observation, info)
        return observation, reward, terminated, truncated, info

    def begin(self) -> None:
        """Begin an episode."""

    def sense(self, reading: np.ndarray) -> np.ndarray:
        """The worse reading `[N]` of a reading, N the numbers of all sensors."""
        raise NotImplementedError

    def _read(self, observation: Any, info: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        goal = isinstance(observation, Mapping)
        parts = (
            [observation[k] for k in ("observation", "achieved_goal")] if goal else [observation]
        )
        # Observations of integers cannot hold a NaN.
        parts = [np.asarray(p, np.result_type(p, np.float32)) for p in parts]
        sensed = self.sense(np.concatenate(parts)).astype(parts[0].dtype)
        first = sensed[: self.sizes[0]]
        info = {"true_observation": observation, **info, "missing": np.isnan(first)}
        if not goal:
            return first, info
        achieved = _same_sensor(parts[0], parts[1], first, sensed[self.sizes[0] :])
        return {**observation, "observation": first, "achieved_goal": achieved}, info


def _same_sensor(
    observation: np.ndarray, achieved: np.ndarray, sensed: np.ndarray, own: np.ndarray
) -> np.ndarray:
    """`achieved_goal` as sensed: by the observation's sensor that read the same, or its own."""
    same = np.isclose(achieved[:, None], observation, rtol=0, atol=0, equal_nan=True)
    return np.where(same.any(axis=1), sensed[same.argmax(axis=1)], own)


def per_sensor(name: str, value: Any, sizes: list[int]) -> np.ndarray:
    """One number from 0 up for each sensor, of one for all, or of one for each.

    Where there are as many as `observation` has, `achieved_goal`'s own sensors are exact.

    Raises:
        ValueError: when there are others.
    """
    values = np.atleast_1d(np.asarray(value, np.float64))
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError(f"{name} must be numbers from 0 up, got {value}")
    if len(values) == 1:
        return np.full(sum(sizes), values[0])
    if len(values) not in (sizes[0], sum(sizes)):
        raise ValueError(f"{name} has {len(values)} numbers; needed: 1 or {sizes[0]}")
    return np.pad(values, (0, sum(sizes) - len(values)))
