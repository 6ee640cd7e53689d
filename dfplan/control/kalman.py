"""The Kalman filter (Kalman 1960) of linear dynamics, for a batch; normalized units.

It combines readings at every control step; the denoiser's tokens are many control steps apart.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dfplan.control.linear_dynamics import MIN_VARIANCE, LinearDynamics

MAX_VARIANCE = 1e6
"""Largest variance of a belief, in variances of the data. Fitted dynamics may be unstable: without
readings, the variance would grow until it overflows."""


class Belief(NamedTuple):
    """Gaussian belief about the states.

    Attributes:
        mean: `[B, S]` means.
        covariance: `[B, S, S]` covariances.
    """

    mean: Float[np.ndarray, "B S"]
    covariance: Float[np.ndarray, "B S S"]

    @classmethod
    def prior(cls, batch: int, dim: int) -> "Belief":
        """Return the belief before any reading: the data's mean and deviation, normalized 0 and 1.

        Args:
            batch: Number of robots, B.
            dim: Dimensions of a state, S.
        """
        return cls(np.zeros((batch, dim)), np.tile(np.eye(dim), (batch, 1, 1)))

    @property
    def variance(self) -> Float[np.ndarray, "B S"]:
        """Variance of each dimension."""
        return np.maximum(np.diagonal(self.covariance, axis1=1, axis2=2), 0.0)


def predict(dynamics: LinearDynamics, belief: Belief, action: Float[np.ndarray, "B A"]) -> Belief:
    """Return the belief one control step later, before its reading."""
    transition = dynamics.transition
    covariance = transition @ belief.covariance @ transition.T + dynamics.covariance
    return Belief(dynamics.step(belief.mean, action), bounded(covariance))


def update(
    belief: Belief, reading: Float[np.ndarray, "B S"], variance: Float[np.ndarray, "B S"]
) -> Belief:
    """Return the belief after readings.

    Args:
        belief: Belief before the readings.
        reading: Readings of each dimension; NaN where missing.
        variance: Noise variance of each reading; 0 for an exact one.
    """
    is_read = np.isfinite(reading)
    # A second exact reading of one state gets the precision of float32, so that both have weight.
    is_known = belief.variance < MIN_VARIANCE / 2
    variance = np.where(is_known, np.maximum(variance, MIN_VARIANCE), variance)
    innovation = np.where(is_read, reading - belief.mean, 0.0)
    # A missing reading's row is that of a reading unrelated to the state.
    observed = is_read[:, :, None] * belief.covariance
    noise = np.where(is_read, variance, 1.0)[:, :, None] * np.eye(is_read.shape[1])
    innovation_covariance = observed * is_read[:, None, :] + noise
    gain = np.linalg.solve(innovation_covariance, observed).swapaxes(1, 2)
    mean = belief.mean + np.einsum("bij,bj->bi", gain, innovation)
    covariance = belief.covariance - gain @ observed
    return Belief(mean, (covariance + covariance.swapaxes(1, 2)) / 2)


def bounded(covariance: Float[np.ndarray, "B S S"]) -> Float[np.ndarray, "B S S"]:
    """Scale dimensions with a variance above `MAX_VARIANCE` down to it; correlations stay."""
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    if (variance <= MAX_VARIANCE).all():
        return covariance
    scale = np.sqrt(MAX_VARIANCE / np.maximum(variance, MAX_VARIANCE))
    return covariance * scale[:, :, None] * scale[:, None, :]
