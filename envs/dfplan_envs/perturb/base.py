"""Base class of all perturbations, with its own random generator, and argument checks."""

import zlib
from typing import Any

import gymnasium as gym
import numpy as np


class Perturbation(gym.Wrapper):
    """A wrapper with its own random generator.

    `reset(seed=...)` seeds the environment and, independently, each perturbation, from the seed,
    the perturbation's class name and the number of wrappers of that class below it. Starts and
    goals are therefore the same as without perturbations.

    Args:
        env: Environment.

    Attributes:
        drops: Whether observations may be missing.
    """

    drops = False

    def __init__(self, env: gym.Env):
        super().__init__(env)
        self._rng = np.random.default_rng()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment; with a seed, also reseed this wrapper."""
        if seed is not None:
            class_hash = zlib.crc32(type(self).__name__.encode())
            self._rng = np.random.default_rng([seed, class_hash, self._same_class_below()])
        return super().reset(seed=seed, options=options)

    def _same_class_below(self) -> int:
        count = 0
        env = self.env
        while isinstance(env, gym.Wrapper):
            count += type(env) is type(self)
            env = env.env
        return count


def check_number(name: str, value: Any, low: float = -np.inf, high: float = np.inf) -> float:
    """Check that a value is a finite number in [low, high], and return it as a float.

    Raises:
        ValueError: If it is not. The message gives the name and the range.
    """
    valid = np.ndim(value) == 0 and np.isfinite(value) and low <= value <= high
    if not valid:
        raise ValueError(f"{name} must be a number in [{low:g}, {high:g}], got {value}")
    return float(value)


def check_integer(name: str, value: Any, low: int) -> int:
    """Check that a value is an integer of at least `low`, and return it as an int.

    Raises:
        ValueError: If it is not. The message gives the name and the minimum.
    """
    if np.ndim(value) or not np.isfinite(value) or int(value) != value or value < low:
        raise ValueError(f"{name} must be an integer >= {low}, got {value}")
    return int(value)


def mujoco_env(env: gym.Env, name: str) -> Any:
    """Return the MuJoCo environment inside all wrappers.

    Args:
        env: Environment.
        name: Name of the perturbation, for the error message.

    Raises:
        ValueError: If the environment is not a MuJoCo environment.
    """
    inner = env.unwrapped
    if not (hasattr(inner, "model") and hasattr(inner, "data")):
        raise ValueError(f"{name} needs a MuJoCo environment (with model and data), got {inner}")
    return inner
