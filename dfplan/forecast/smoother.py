"""Kalman smoother with a constant-velocity model, a baseline for filling gaps.

Random accelerations change the velocity of each dimension, and positions are measured with noise.
The smoother is that of Rauch, Tung and Striebel (1965): a forward Kalman filter, then a backward
correction.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

NOISE_RATIOS = np.logspace(-4, 1, 21)
"""Candidate ratios of the standard deviations `measurement` and `process`."""
DIFFUSE = 1e6
"""Prior variance relative to the scale of the data; so large that only measurements matter."""


@dataclasses.dataclass(frozen=True)
class ConstantVelocity:
    """Model of one dimension: position and velocity, one step apart.

    Attributes:
        process: Standard deviation of a step's random acceleration, in units per step squared.
        measurement: Standard deviation of the measurement noise.
    """

    process: float
    measurement: float

    @classmethod
    def fit(cls, sequences: Float[np.ndarray, "W T"]) -> "ConstantVelocity":
        """Fit both deviations by maximum likelihood to complete sequences.

        The likelihood is maximized over the ratio on a grid; the scale follows in closed form.
        """
        known = np.ones(sequences.shape, bool)
        best = cls(1.0, 1.0)
        best_cost = np.inf
        for ratio in NOISE_RATIOS:
            model = cls(1.0, float(ratio))
            error, variance = model._innovations(sequences, known)
            scale = float(np.mean(error**2 / variance))
            cost = np.log(max(scale, np.finfo(np.float64).tiny)) + np.mean(np.log(variance))
            if cost < best_cost:
                best_cost = cost
                deviation = scale**0.5
                best = cls(deviation, float(ratio) * deviation)
        return best

    def smooth(
        self, values: Float[np.ndarray, "W T"], known: Bool[np.ndarray, "W T"]
    ) -> tuple[Float[np.ndarray, "W T"], Float[np.ndarray, "W T"]]:
        """Return mean and variance of each position given all known ones.

        Args:
            values: Positions; any finite numbers where they are not known.
            known: Which positions are known.
        """
        predicted, filtered, _ = self._filter(values, known)
        mean, covariance = filtered[-1]
        means = [mean]
        covariances = [covariance]
        for (filtered_mean, filtered_cov), (next_mean, next_cov) in zip(
            filtered[-2::-1], predicted[:0:-1], strict=True
        ):
            gain = np.linalg.solve(next_cov, TRANSITION @ filtered_cov).swapaxes(1, 2)
            mean = filtered_mean + np.einsum("wij,wj->wi", gain, mean - next_mean)
            covariance = filtered_cov + gain @ (covariance - next_cov) @ gain.swapaxes(1, 2)
            means.append(mean)
            covariances.append(covariance)
        position = np.stack(means[::-1], axis=1)[:, :, 0]
        variance = np.stack(covariances[::-1], axis=1)[:, :, 0, 0]
        return position, np.maximum(variance, 0.0)

    def _innovations(self, values: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the filter's prediction errors and their variances, from the third step on."""
        _, _, innovations = self._filter(values, known)
        error, variance = (np.stack(part, axis=1) for part in zip(*innovations, strict=True))
        return error[:, 2:], variance[:, 2:]

    def _filter(self, values: np.ndarray, known: np.ndarray) -> tuple[list, list, list]:
        """Return each step's predicted and filtered belief, and its innovation."""
        noise = self.process**2 * ACCELERATION
        mean = np.zeros((len(values), 2))
        covariance = np.tile(DIFFUSE * self._scale(values) * np.eye(2), (len(values), 1, 1))
        predicted = []
        filtered = []
        innovations = []
        for t in range(values.shape[1]):
            if t:
                mean = mean @ TRANSITION.T
                covariance = TRANSITION @ covariance @ TRANSITION.T + noise
            predicted.append((mean, covariance))
            error = values[:, t] - mean[:, 0]
            variance = covariance[:, 0, 0] + self.measurement**2
            gain = np.where(known[:, t, None], covariance[:, :, 0] / variance[:, None], 0.0)
            mean = mean + gain * error[:, None]
            covariance = covariance - gain[:, :, None] * covariance[:, None, 0, :]
            filtered.append((mean, covariance))
            innovations.append((error, variance))
        return predicted, filtered, innovations

    def _scale(self, values: np.ndarray) -> float:
        return self.process**2 + float(np.var(values))


TRANSITION = np.array([[1.0, 1.0], [0.0, 1.0]])
ACCELERATION = np.array([[1 / 3, 1 / 2], [1 / 2, 1.0]])
"""Covariance of position and velocity after a step of white acceleration."""
