"""The Kalman filter (Kalman 1960) over a fitted motion, for a batch; normalised units.

It is what joins readings of different steps at the rate of control: the denoiser's tokens lie
many control steps apart.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dfplan.control.linear_dynamics import LinearDynamics


class Belief(NamedTuple):
    """What is known of the states: Gaussian, with mean `[B, S]` and covariance `[B, S, S]`."""

    mean: Float[np.ndarray, "B S"]
    covariance: Float[np.ndarray, "B S S"]

    @classmethod
    def prior(cls, batch: int, dim: int) -> "Belief":
        """Before any reading: mean and deviation of the data, which normalised are 0 and 1."""
        return cls(np.zeros((batch, dim)), np.tile(np.eye(dim), (batch, 1, 1)))

    @property
    def variance(self) -> Float[np.ndarray, "B S"]:
        """Of each dimension."""
        return np.maximum(np.diagonal(self.covariance, axis1=1, axis2=2), 0.0)


def predict(dynamics: LinearDynamics, belief: Belief, action: Float[np.ndarray, "B A"]) -> Belief:
    """The belief one control step later, before any reading."""
    turn = dynamics.transition
    covariance = turn @ belief.covariance @ turn.T + dynamics.covariance
    return Belief(dynamics.step(belief.mean, action), covariance)


def update(
    belief: Belief, reading: Float[np.ndarray, "B S"], variance: Float[np.ndarray, "B S"]
) -> Belief:
    """The belief given readings; those that are NaN are missing, and tell nothing.

    Args:
        belief: before.
        reading: of each dimension.
        variance: of each reading's noise; 0 for an exact one.
    """
    read = np.isfinite(reading)
    surprise = np.where(read, reading - belief.mean, 0.0)
    # Rows of what is missing are those of a reading that has nothing to do with the state.
    seen = read[:, :, None] * belief.covariance
    noise = np.where(read, variance, 1.0)[:, :, None] * np.eye(read.shape[1])
    gain = np.linalg.solve(seen * read[:, None, :] + noise, seen).swapaxes(1, 2)
    mean = belief.mean + np.einsum("bij,bj->bi", gain, surprise)
    covariance = belief.covariance - gain @ seen
    return Belief(mean, (covariance + covariance.swapaxes(1, 2)) / 2)
