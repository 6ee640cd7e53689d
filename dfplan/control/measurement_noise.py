"""MeasurementNoiseEstimator: measurement noise from the residuals of one-step predictions."""

import dataclasses
import functools
import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from dfplan.control.linear_dynamics import LinearDynamics

WINDOW = 128
"""Control steps over which the noise is estimated."""
MIN_RESIDUALS = 8
"""Residuals needed in the window; with fewer, readings count as exact."""
STD_PER_MAD = 1.4826
"""Standard deviation of a Gaussian over its median absolute deviation."""


class MeasurementNoiseState(NamedTuple):
    """State of the noise estimator for `B` robots; normalized units, NaN where unknown.

    Attributes:
        residuals: `[B, WINDOW, S]` readings minus their predictions, the latest last.
        prediction: `[B, S]` prediction of the next readings.
    """

    residuals: Float[np.ndarray, "B W S"]
    prediction: Float[np.ndarray, "B S"]


@dataclasses.dataclass(frozen=True)
class MeasurementNoiseEstimator:
    """Estimates the noise variance of each state dimension from readings; pure functions.

    With noise variances r, the transition matrix F of the dynamics, its squared entries F^2 and the
    dynamics' own error Q, the residual e = y' - F y of a reading y' predicted from the reading y
    before it has the variance r + F^2 r + Q. Where F is close to I, as at short control steps, e is
    close to the readings' second difference less that of the data. The deviation of e is estimated
    from the median of |e|, so that pushes and contacts do not count as noise.

    Attributes:
        dynamics: Dynamics fitted to the data.
    """

    dynamics: LinearDynamics

    def init(self, batch: int) -> MeasurementNoiseState:
        """Return the state before any reading of `batch` robots."""
        dim = len(self.dynamics.low)
        return MeasurementNoiseState(
            residuals=np.full((batch, WINDOW, dim), np.nan),
            prediction=np.full((batch, dim), np.nan),
        )

    def reset(
        self, state: MeasurementNoiseState, mask: Bool[np.ndarray, "B"]
    ) -> MeasurementNoiseState:
        """Begin an episode for the robots in `mask`, and keep the residuals of their sensors."""
        prediction = np.where(mask[:, None], np.nan, state.prediction)
        return state._replace(prediction=prediction)

    def observe(
        self, state: MeasurementNoiseState, reading: Float[np.ndarray, "B S"]
    ) -> tuple[Float[np.ndarray, "B S"], MeasurementNoiseState]:
        """Take in normalized readings, and return the estimated noise variances."""
        residual = reading - state.prediction
        residuals = np.concatenate([state.residuals[:, 1:], residual[:, None]], axis=1)
        state = MeasurementNoiseState(residuals, np.full_like(state.prediction, np.nan))
        return self._variance(residuals), state

    def predict(
        self,
        state: MeasurementNoiseState,
        reading: Float[np.ndarray, "B S"],
        action: Float[np.ndarray, "B A"],
    ) -> MeasurementNoiseState:
        """Predict the next readings from the present ones and the actions that follow."""
        return state._replace(prediction=self.dynamics.step(reading, action))

    def _variance(self, residuals: Float[np.ndarray, "B W S"]) -> Float[np.ndarray, "B S"]:
        is_known = np.isfinite(residuals).sum(axis=1) >= MIN_RESIDUALS
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # from sensors that were never read
            median = np.nanmedian(np.abs(residuals), axis=1)
        spread = np.where(is_known, (STD_PER_MAD * median) ** 2, 0.0)
        excess = np.maximum(spread - np.diag(self.dynamics.covariance), 0.0)
        variance = np.linalg.solve(self._residual_gain, excess.T).T
        return np.where(is_known, np.maximum(variance, 0.0), 0.0)

    @functools.cached_property
    def _residual_gain(self) -> Float[np.ndarray, "S S"]:
        """Matrix that maps noise variances to those of the residuals, I + F^2."""
        return np.eye(len(self.dynamics.low)) + self.dynamics.transition**2
