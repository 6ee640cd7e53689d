"""The controller that makes the T-maze's data: it remembers the cue."""

from typing import Any

import numpy as np

from dfplan_envs.pointmaze.ball import DT
from dfplan_envs.tmaze.env import TMazeEnv

GAIN = 1.2
"""Force (100 N) per metre per second that the speed is off."""
NOISE = 0.3
"""Standard deviation of the white noise on actions."""
SPEEDS = (1.6, 2.4)
"""Of an episode, drawn uniformly, metres per second."""
WANDER, CORRELATION = 0.12, 0.5
"""How the ball strays from the stem's middle: standard deviation (m), and correlation time (s)."""
TURN = 0.1
"""Metres before the junction's middle at which the ball turns."""
STIFFNESS = 4.0
"""Metres per second sideways, per metre off the way."""
STREAM = 1


class CuePolicy:
    """Drives up the stem and into the arm that the cue named, for one episode.

    Up to the junction nothing depends on the cue: speed, noise and straying are drawn without it.
    So a state of the stem does not tell the arm.

    Args:
        env: a T-maze, wrapped or not.
        seed: of speed, noise and straying.

    Raises:
        TypeError: if `env` is no T-maze.
    """

    def __init__(self, env: Any, seed: int = 0):
        if not isinstance(env.unwrapped, TMazeEnv):
            raise TypeError(f"CuePolicy needs a T-maze, got {env.unwrapped}")
        self._junction = np.mean(env.unwrapped.arms, axis=0)
        # A stream of its own: an environment of the same seed draws the cue from the plain one,
        # and speed and straying would tell it.
        self._rng = np.random.default_rng((seed, STREAM))
        self._speed = self._rng.uniform(*SPEEDS)
        self._stray = WANDER * self._rng.standard_normal()
        self._cue, self._turned = 0.0, False

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Action [2], float32, for one observation."""
        position, velocity, cue = observation[:2], observation[2:4], observation[4]
        if cue:
            self._cue = float(cue)
        keep = np.exp(-DT / CORRELATION)
        self._stray *= keep
        self._stray += WANDER * np.sqrt(1 - keep**2) * self._rng.standard_normal()
        # One draw per step, whatever the cue: the same seed strays the same way for both arms.
        noise = NOISE * self._rng.standard_normal(2)
        self._turned |= bool(position[1] >= self._junction[1] - TURN)
        action = GAIN * (self._velocity(position) - velocity) + noise
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def _velocity(self, position: np.ndarray) -> np.ndarray:
        """Where to and how fast: along the way at the episode's speed, and back to it."""
        off = self._junction + [self._stray, 0.0] - position
        if self._turned:
            return np.array([self._cue * self._speed, STIFFNESS * off[1]])
        return np.array([STIFFNESS * off[0], self._speed])
