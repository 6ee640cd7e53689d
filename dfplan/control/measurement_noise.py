"""MeasurementNoiseEstimator: how noisy readings are, from how badly the fitted motion foretells them."""

import warnings

import numpy as np
from jaxtyping import Float

from dfplan.control.linear_dynamics import LinearDynamics

WINDOW = 128
"""Control steps that are looked back on."""
NEEDED = 8
"""Of them that must have been read; before, readings count as exact."""
NORMAL = 1.4826
"""Standard deviation of a Gaussian over its median absolute value."""


class MeasurementNoiseEstimator:
    """Estimates each dimension's noise variance from the readings of `B` robots.

    A reading that the motion foretells from the reading before it is off by e = y' - F y, whose
    variance is r + F^2 r + Q where r are the noises' variances, F the motion's transition, F^2 its
    entries squared and Q the motion's own error. Of F close to I, as at short control steps, e is
    the readings' second difference less the data's own. The deviation of e is taken by its median,
    so that a push or a contact is not taken for noise.

    Args:
        motion: fitted to the data. batch: B.
    """

    def __init__(self, dynamics: LinearDynamics, batch: int):
        self._motion, dim = dynamics, len(dynamics.low)
        self._errors = np.full((batch, WINDOW, dim), np.nan)
        self._before = np.full((batch, dim), np.nan)
        self._mix = np.eye(dim) + dynamics.transition**2

    def forget(self, mask: np.ndarray) -> None:
        """Begin an episode for the robots in `mask`; what is known of their sensors stays."""
        self._before[mask] = np.nan

    def observe(self, reading: Float[np.ndarray, "B S"]) -> Float[np.ndarray, "B S"]:
        """Take in the readings, normalised; returns the noises' variances."""
        self._errors[:, :-1] = self._errors[:, 1:]
        self._errors[:, -1] = reading - self._before
        self._before = np.full_like(self._before, np.nan)
        self._reading = reading
        return self._variance()

    def acted(self, action: Float[np.ndarray, "B A"]) -> None:
        """Foretell the next readings, from the actions that follow these."""
        self._before = self._motion.step(self._reading, action)

    def _variance(self) -> np.ndarray:
        known = np.isfinite(self._errors).sum(axis=1) >= NEEDED
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of sensors that were never read
            median = np.nanmedian(np.abs(self._errors), axis=1)
        spread = np.where(known, (NORMAL * median) ** 2, 0.0)
        excess = np.maximum(spread - np.diag(self._motion.covariance), 0.0)
        return np.where(known, np.maximum(np.linalg.solve(self._mix, excess.T).T, 0.0), 0.0)
