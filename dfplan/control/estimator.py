"""Estimator: what states robots are in, from readings that are noisy or missing."""

import numpy as np
from jaxtyping import Float

from dfplan.control.kalman import Belief, predict, update
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.measurement_noise import MeasurementNoiseEstimator
from dfplan.diffusion.schedules import Schedule
from dfplan.diffusion.schedules.schedule import level_at
from dfplan.representation.normalizer import Normalizer
from dfplan.types import UserError

AUTO = -1.0
"""Stands for a noise that is to be estimated."""
FAR = 4.0
"""Standard deviations beyond which no reading is believed to lie."""


class Estimator:
    """Filters the readings of `B` robots at every control step.

    Args:
        motion: fitted to the data.
        states, actions: normalisers.
        noise: standard deviation of each reading, SI units: one for all dimensions of the state,
            or one for each; `AUTO` where it is to be estimated, none where all are exact.
        batch: B.

    Raises:
        UserError: when there are neither one nor as many as the state's dimensions.
    """

    def __init__(
        self,
        dynamics: LinearDynamics,
        states: Normalizer,
        actions: Normalizer,
        noise: tuple[float, ...],
        batch: int,
    ):
        dim = len(dynamics.low)
        if len(noise) not in (0, 1, dim):
            raise UserError(
                f"planner.sensing.observation_noise has {len(noise)} numbers; needed: 1 or {dim}, "
                "as many as a state"
            )
        self._motion, self._batch, self._dim = dynamics, batch, dim
        self._states, self._actions = _Affine(states), _Affine(actions)
        declared = np.broadcast_to(np.array(noise or (0.0,)), (dim,))
        self._auto = declared == AUTO
        self._declared = np.where(self._auto, 0.0, (declared / self._states.std) ** 2)
        self._meter = MeasurementNoiseEstimator(dynamics, batch) if self._auto.any() else None
        self._worst = np.tile(self._declared, (batch, 1))
        self._belief = Belief.prior(batch, dim)

    def forget(self, mask: np.ndarray) -> None:
        """Begin anew for the robots in `mask` `[B]` bool."""
        for now, fresh in zip(self._belief, Belief.prior(self._batch, self._dim), strict=True):
            now[mask] = fresh[mask]
        if self._meter is not None:
            self._meter.forget(mask)

    def observe(
        self, reading: Float[np.ndarray, "B S"]
    ) -> tuple[Float[np.ndarray, "B S"], Float[np.ndarray, "B S"]]:
        """Mean, SI units, and standard deviation, normalised, of the states given all readings.

        Args:
            reading: SI units; NaN where one is missing.
        """
        z = self._states.encode(reading)
        variance = self._variance(z)
        self._belief = update(self._belief, z, variance)
        mean = self._states.decode(self._belief.mean).astype(np.float32)
        exact = (variance == 0) & np.isfinite(reading)
        deviation = np.where(exact, 0.0, np.sqrt(self._belief.variance))
        return np.where(exact, reading, mean), deviation

    def acted(self, action: Float[np.ndarray, "B A"]) -> None:
        """Take in the actions, SI units, that follow."""
        action = self._actions.encode(action)
        if self._meter is not None:
            self._meter.acted(action)
        self._belief = predict(self._motion, self._belief, action)

    def _variance(self, z: np.ndarray) -> np.ndarray:
        """Of the noise of each reading `[B, S]`, declared or estimated."""
        if self._meter is None:
            return np.broadcast_to(self._declared, z.shape)
        variance = np.where(self._auto, self._meter.observe(z), self._declared)
        # What is believed rests on readings that were noisier than they were taken for.
        more = np.maximum(variance - self._worst, 0.0)
        self._worst += more
        self._belief.covariance[:] += more[:, :, None] * np.eye(self._dim)
        return variance


def as_reading(
    schedule: Schedule,
    states: Normalizer,
    mean: Float[np.ndarray, "B S"],
    deviation: Float[np.ndarray, "B S"],
) -> tuple[Float[np.ndarray, "B S"], Float[np.ndarray, "B"]]:
    """What is known of states as the token that a denoiser takes it in by, and its noise level.

    A noisy token stands for a reading, to which the denoiser adds what it knows of the data. That
    is in a filtered mean already: of data of variance 1, a mean m of variance p is what a reading
    m / (1 - p) of noise variance p / (1 - p) leaves. So a state of which nothing is known, p = 1,
    is a missing token.

    A token has one level for all its dimensions: that of the noisiest, so that none is taken for
    cleaner than it is.

    Args:
        schedule: of the noise.
        states: normaliser.
        mean: SI units.
        deviation: normalised.

    Returns:
        Readings, SI units, and levels in [0, 1].
    """
    left, affine = np.maximum(1 - deviation**2, 0.0), _Affine(states)
    known, root = left > 0, np.sqrt(left)
    typical = np.divide(affine.encode(mean), root, out=np.zeros_like(left), where=known)
    typical = np.clip(typical, -FAR, FAR)
    reading = np.divide(typical, root, out=np.zeros_like(left), where=known)
    ratio = np.divide(deviation, root, out=np.full_like(left, np.inf), where=known)
    token = np.where(deviation == 0, mean, affine.decode(reading)).astype(np.float32)
    return token, level_at(schedule, ratio.max(axis=-1))


class _Affine:
    """A normaliser in NumPy and float64: at every control step, JAX's dispatch would cost more."""

    def __init__(self, normalizer: Normalizer):
        self.mean, self.std = (np.asarray(a, np.float64) for a in (normalizer.mean, normalizer.std))

    def encode(self, x: np.ndarray) -> np.ndarray:
        return (x - self.mean) / self.std

    def decode(self, z: np.ndarray) -> np.ndarray:
        return z * self.std + self.mean
