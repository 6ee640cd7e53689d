"""A mediocre controller for Reacher: too weak in most episodes, and always noisy."""

import numpy as np

LINKS = (0.1, 0.11)
"""Lengths of the arm's links, meters."""
GAINS = (0.25, 16.0)
"""Range of the spring's stiffness."""
DAMPING = 0.03
NOISE = 0.1


class Controller:
    """Jacobian-transpose control: the joints turn as if a spring pulled the fingertip.

    The spring pulls to the target. Its stiffness is drawn for each episode, log-uniformly: with
    most draws the arm arrives late or not at all, and with the stiffest it overshoots.

    Args:
        env: Environment, for the action space.
        seed: PRNG seed for stiffness and noise.
        gains: Range of the spring's stiffness.
        noise: Standard deviation of the noise, of actions from -1 to 1.
        persistence: Correlation of the noise of successive control steps.
    """

    def __init__(
        self,
        env,
        seed: int = 0,
        *,
        gains: tuple[float, float] = GAINS,
        noise: float = NOISE,
        persistence: float = 0.0,
    ):
        self._space = env.action_space
        self._rng = np.random.default_rng(seed)
        self._gain = np.exp(self._rng.uniform(*np.log(gains)))
        self._persistence = persistence
        self._innovation = noise * np.sqrt(1 - persistence**2)
        self._noise = np.zeros(2)

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Return torques `[2]` for an observation of Reacher-v5 `[10]`."""
        innovation = self._innovation * self._rng.normal(size=2)
        self._noise = self._persistence * self._noise + innovation
        first, second = np.arctan2(observation[2:4], observation[:2])
        x, y = _link(LINKS[0], first) + _link(LINKS[1], first + second)
        outer = _link(LINKS[1], first + second)
        jacobian = np.array([[-y, -outer[1]], [x, outer[0]]])
        torque = self._gain * jacobian.T @ -observation[8:10] - DAMPING * observation[6:8]
        return np.clip(torque + self._noise, self._space.low, self._space.high)


def _link(length: float, angle: float) -> np.ndarray:
    return length * np.array([np.cos(angle), np.sin(angle)])
