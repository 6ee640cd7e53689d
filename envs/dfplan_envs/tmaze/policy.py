"""The controller that collects the T-maze's data; it remembers the cue."""

from typing import Any

import numpy as np

from dfplan_envs.pointmaze.ball import DT
from dfplan_envs.tmaze.env import TMazeEnv

GAIN = 1.2
"""Force (100 N) per meter per second of velocity error."""
ACTION_NOISE = 0.3
"""Standard deviation of the white noise on actions."""
SPEED_RANGE = (1.6, 2.4)
"""Range of the uniformly drawn speed of an episode, in meters per second."""
DRIFT_STD = 0.12
"""Standard deviation of the ball's sideways drift from the middle of the stem, in meters."""
DRIFT_TIME = 0.5
"""Correlation time of the sideways drift, in seconds."""
TURN_DISTANCE = 0.1
"""Distance before the center of the junction at which the ball turns, in meters."""
CENTERING_GAIN = 4.0
"""Speed toward the desired path in meters per second, per meter of deviation."""
SEED_STREAM = 1
"""Second component of the generator's seed; see `CuePolicy`."""


class CuePolicy:
    """Drives up the stem and into the arm that the cue names, for one episode.

    Up to the junction nothing depends on the cue: speed, noise and drift are drawn independently of
    it. A state on the stem therefore does not reveal the arm.

    Args:
        env: T-maze environment, wrapped or not.
        seed: Seed for speed, noise and drift.

    Raises:
        TypeError: If `env` is not a T-maze.
    """

    def __init__(self, env: Any, seed: int = 0):
        if not isinstance(env.unwrapped, TMazeEnv):
            raise TypeError(f"CuePolicy needs a T-maze, got {env.unwrapped}")
        self._junction = np.mean(env.unwrapped.arms, axis=0)
        # An environment with the same seed draws the cue from the seed alone. In that stream, speed
        # and drift would be correlated with the cue and reveal it.
        self._rng = np.random.default_rng((seed, SEED_STREAM))
        self._speed = self._rng.uniform(*SPEED_RANGE)
        self._drift = DRIFT_STD * self._rng.standard_normal()
        self._cue = 0.0
        self._turned = False

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Return the action [2], float32, for one observation."""
        position = observation[:2]
        velocity = observation[2:4]
        cue = observation[4]
        if cue:
            self._cue = float(cue)
        decay = np.exp(-DT / DRIFT_TIME)
        self._drift *= decay
        self._drift += DRIFT_STD * np.sqrt(1 - decay**2) * self._rng.standard_normal()
        # Always the same number of draws per step, so a seed drifts the same way for either arm.
        noise = ACTION_NOISE * self._rng.standard_normal(2)
        self._turned |= bool(position[1] >= self._junction[1] - TURN_DISTANCE)
        action = GAIN * (self._desired_velocity(position) - velocity) + noise
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def _desired_velocity(self, position: np.ndarray) -> np.ndarray:
        """Return the velocity along the path at the episode's speed, and sideways back to it."""
        offset = self._junction + [self._drift, 0.0] - position
        if self._turned:
            return np.array([self._cue * self._speed, CENTERING_GAIN * offset[1]])
        return np.array([CENTERING_GAIN * offset[0], self._speed])
