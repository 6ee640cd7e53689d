"""What all perturbations share: a generator of their own, and checks of their numbers."""

import zlib
from typing import Any

import gymnasium as gym
import numpy as np


class Perturbation(gym.Wrapper):
    """A wrapper whose randomness is its own.

    `reset(seed=...)` seeds the environment and, apart from it, each perturbation: by the seed, the
    perturbation's class, and how many of that class lie beneath. So the environment's starts and
    goals are those of the same seed without perturbations.

    Attributes:
        drops: whether observations may be missing.
    """

    drops = False

    def __init__(self, env: gym.Env):
        super().__init__(env)
        self._rng = np.random.default_rng()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment, and this wrapper's randomness where there is a seed."""
        if seed is not None:
            name = zlib.crc32(type(self).__name__.encode())
            self._rng = np.random.default_rng([seed, name, self._twins()])
        return super().reset(seed=seed, options=options)

    def _twins(self) -> int:
        count, env = 0, self.env
        while isinstance(env, gym.Wrapper):
            count += type(env) is type(self)
            env = env.env
        return count


def number(name: str, value: Any, low: float = -np.inf, high: float = np.inf) -> float:
    """A finite number in [low, high].

    Raises:
        ValueError: naming what it is, and the range.
    """
    ok = np.ndim(value) == 0 and np.isfinite(value) and low <= value <= high
    if not ok:
        raise ValueError(f"{name} must be a number in [{low:g}, {high:g}], got {value}")
    return float(value)


def whole(name: str, value: Any, low: int) -> int:
    """An integer from `low` up.

    Raises:
        ValueError: naming what it is, and the range.
    """
    if np.ndim(value) or not np.isfinite(value) or int(value) != value or value < low:
        raise ValueError(f"{name} must be an integer from {low} up, got {value}")
    return int(value)


def mujoco_env(env: gym.Env, what: str) -> Any:
    """The MuJoCo environment inside all wrappers.

    Raises:
        ValueError: when it is none.
    """
    inner = env.unwrapped
    if not (hasattr(inner, "model") and hasattr(inner, "data")):
        raise ValueError(f"{what} needs a MuJoCo environment (with model and data), got {inner}")
    return inner
