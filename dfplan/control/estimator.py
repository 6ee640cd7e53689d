"""StateEstimator: robots' states from readings that are noisy or missing."""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from dfplan.control.kalman import Belief, predict, update
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.measurement_noise import MeasurementNoiseEstimator, MeasurementNoiseState
from dfplan.control.object_filter import ObjectFilter, ObjectFilterState
from dfplan.diffusion.schedules import Schedule
from dfplan.diffusion.schedules.schedule import level_at
from dfplan.planner.execution_config import ESTIMATED
from dfplan.representation.normalizer import Normalizer
from dfplan.types import UserError

MAX_READING_STD = 4.0
"""Largest plausible reading, in standard deviations of readings."""


class FilterState(NamedTuple):
    """State of the estimator for `B` robots; normalized units.

    Attributes:
        belief: Gaussian belief about the states.
        reading: `[B, S]` latest readings, NaN where missing.
        max_variance: `[B, S]` largest noise variance assumed so far.
        noise: State of the noise estimator; None if all noise is declared.
        objects: States of the filters of objects.
    """

    belief: Belief
    reading: Float[np.ndarray, "B S"]
    max_variance: Float[np.ndarray, "B S"]
    noise: MeasurementNoiseState | None
    objects: tuple[ObjectFilterState, ...] = ()


class AffineMap(NamedTuple):
    """A normalizer in NumPy and float64; JAX's dispatch would cost more at every control step."""

    mean: Float[np.ndarray, "D"]
    std: Float[np.ndarray, "D"]

    @classmethod
    def of(cls, normalizer: Normalizer) -> "AffineMap":
        """Return the map of a normalizer."""
        mean = np.asarray(normalizer.mean, np.float64)
        std = np.asarray(normalizer.std, np.float64)
        return cls(mean, std)

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Convert SI units to normalized units."""
        return (x - self.mean) / self.std

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Convert normalized units to SI units."""
        return z * self.std + self.mean


@dataclasses.dataclass(frozen=True)
class StateEstimator:
    """A Kalman filter over readings at every control step; pure functions of a `FilterState`.

    Objects that the robot handles have filters of their own, whose estimates replace the filter's.

    Attributes:
        dynamics: Dynamics fitted to the data.
        states: Normalizer of states.
        actions: Normalizer of actions.
        is_estimated: `[S]` dimensions whose noise is estimated online.
        declared: `[S]` declared noise variances, normalized; 0 where estimated.
        noise: Noise estimator; None if all noise is declared.
    """

    dynamics: LinearDynamics
    states: AffineMap
    actions: AffineMap
    is_estimated: Bool[np.ndarray, "S"]
    declared: Float[np.ndarray, "S"]
    noise: MeasurementNoiseEstimator | None

    @classmethod
    def create(
        cls,
        dynamics: LinearDynamics,
        states: Normalizer,
        actions: Normalizer,
        observation_noise: tuple[float, ...],
    ) -> "StateEstimator":
        """Return the estimator for an observation noise.

        Args:
            dynamics: Dynamics fitted to the data.
            states: Normalizer of states.
            actions: Normalizer of actions.
            observation_noise: Standard deviation of readings in SI units, one for all dimensions of
                the state or one per dimension; `ESTIMATED` where it is estimated online, empty if
                all readings are exact.

        Raises:
            UserError: If `observation_noise` has neither one number nor one per dimension.
        """
        dim = len(dynamics.low)
        if len(observation_noise) not in (0, 1, dim):
            raise UserError(
                f"planner.sensing.observation_noise has {len(observation_noise)} numbers; "
                f"needed: 1 or {dim}, one per state dimension"
            )
        state_map = AffineMap.of(states)
        deviation = np.broadcast_to(np.array(observation_noise or (0.0,)), (dim,))
        is_estimated = deviation == ESTIMATED
        declared = np.where(is_estimated, 0.0, (deviation / state_map.std) ** 2)
        noise = MeasurementNoiseEstimator(dynamics) if is_estimated.any() else None
        return cls(
            dynamics=dynamics,
            states=state_map,
            actions=AffineMap.of(actions),
            is_estimated=is_estimated,
            declared=declared,
            noise=noise,
        )

    @functools.cached_property
    def object_filters(self) -> tuple[ObjectFilter, ...]:
        """Filters of the objects."""
        dynamics = self.dynamics
        bounds = [
            (dynamics.low[list(o.dims)], dynamics.high[list(o.dims)]) for o in dynamics.objects
        ]
        pairs = zip(dynamics.objects, bounds, strict=True)
        return tuple([ObjectFilter(own, low, high) for own, (low, high) in pairs])

    def init(self, batch: int) -> FilterState:
        """Return the state for `batch` robots before any reading."""
        dim = len(self.declared)
        return FilterState(
            belief=Belief.prior(batch, dim),
            reading=np.full((batch, dim), np.nan),
            max_variance=np.tile(self.declared, (batch, 1)),
            noise=None if self.noise is None else self.noise.init(batch),
            objects=tuple([object_filter.init(batch) for object_filter in self.object_filters]),
        )

    def reset(self, state: FilterState, mask: Bool[np.ndarray, "B"]) -> FilterState:
        """Begin an episode for the robots in `mask`, and keep the noise of their sensors."""
        prior = Belief.prior(*state.belief.mean.shape)
        mean = np.where(mask[:, None], prior.mean, state.belief.mean)
        covariance = np.where(mask[:, None, None], prior.covariance, state.belief.covariance)
        noise = state.noise
        if self.noise is not None and noise is not None:
            noise = self.noise.reset(noise, mask)
        pairs = zip(self.object_filters, state.objects, strict=True)
        objects = tuple([object_filter.reset(own, mask) for object_filter, own in pairs])
        return state._replace(belief=Belief(mean, covariance), noise=noise, objects=objects)

    def observe(
        self, state: FilterState, reading: Float[np.ndarray, "B S"]
    ) -> tuple[Float[np.ndarray, "B S"], Float[np.ndarray, "B S"], FilterState]:
        """Take in readings.

        Args:
            state: State of the estimator.
            reading: Readings in SI units; NaN where missing.

        Returns:
            The mean of the states given all readings, in SI units; their standard deviation, in
            normalized units; and the new state of the estimator.
        """
        z = self.states.encode(reading)
        variance = self.declared
        belief, _, max_variance, noise, objects = state
        if self.noise is not None and noise is not None:
            estimated, noise = self.noise.observe(noise, z)
            variance = np.where(self.is_estimated, estimated, self.declared)
            # The belief rests on readings that were noisier than assumed.
            increase = np.maximum(variance - max_variance, 0.0)
            max_variance = max_variance + increase
            widened = belief.covariance + increase[:, :, None] * np.eye(len(self.declared))
            belief = belief._replace(covariance=widened)
        variance = np.broadcast_to(variance, z.shape)
        belief, posterior, objects = self._update(update(belief, z, variance), objects, z, variance)
        mean = self.states.decode(belief.mean).astype(np.float32)
        is_exact = (variance == 0) & np.isfinite(reading)
        deviation = np.where(is_exact, 0.0, np.sqrt(posterior))
        filtered = np.where(is_exact, reading, mean)
        state = FilterState(belief, z, max_variance, noise=noise, objects=objects)
        return filtered, deviation, state

    def _update(
        self,
        belief: Belief,
        objects: tuple[ObjectFilterState, ...],
        z: Float[np.ndarray, "B S"],
        variance: Float[np.ndarray, "B S"],
    ) -> tuple[Belief, Float[np.ndarray, "B S"], tuple[ObjectFilterState, ...]]:
        """Replace the estimates of objects by those of their own filters.

        Args:
            belief: Belief after the readings.
            objects: States of the objects' filters before the readings.
            z: Normalized readings.
            variance: Noise variances of the readings.

        Returns:
            The belief with the objects' means, the variances of all dimensions, and the states of
            the objects' filters after the readings.
        """
        mean = belief.mean.copy()
        posterior = belief.variance
        updated = []
        for object_filter, own in zip(self.object_filters, objects, strict=True):
            dims = object_filter.dims
            own = object_filter.observe(own, z[:, dims], variance[:, dims])
            mean[:, dims], posterior[:, dims] = object_filter.estimate(own)
            updated.append(own)
        return belief._replace(mean=mean), posterior, tuple(updated)

    def predict(self, state: FilterState, action: Float[np.ndarray, "B A"]) -> FilterState:
        """Take in the actions that follow, in SI units."""
        z = self.actions.encode(action)
        noise = state.noise
        if self.noise is not None and noise is not None:
            noise = self.noise.predict(noise, state.reading, z)
        objects = []
        for object_filter, own in zip(self.object_filters, state.objects, strict=True):
            is_read = np.any(np.isfinite(state.reading[:, object_filter.dims]), axis=1)
            belief = state.belief
            objects.append(object_filter.predict(own, belief.mean, belief.variance, z, is_read))
        belief = predict(self.dynamics, state.belief, z)
        return state._replace(belief=belief, noise=noise, objects=tuple(objects))


def as_reading(
    schedule: Schedule,
    states: AffineMap,
    mean: Float[np.ndarray, "B S"],
    deviation: Float[np.ndarray, "B S"],
) -> tuple[Float[np.ndarray, "B S"], Float[np.ndarray, "B"]]:
    """Convert filtered states to noisy tokens that tell a denoiser the same, and their levels.

    A noisy token stands for a reading, to which the denoiser adds its knowledge of the data. A
    filtered mean already contains that knowledge: for data of variance 1, a mean m of variance p is
    the result of a reading m / (1 - p) with noise variance p / (1 - p). So a state about which
    nothing is known, p = 1, becomes a missing token.

    A token has one level for all its dimensions: that of the noisiest dimension, so that no
    dimension counts as cleaner than it is.

    Args:
        schedule: Noise schedule.
        states: Normalizer of states.
        mean: Filtered states, SI units.
        deviation: Their standard deviation, normalized units.

    Returns:
        Readings in SI units, and noise levels in [0, 1].
    """
    remainder = np.maximum(1 - deviation**2, 0.0)
    is_known = remainder > 0
    root = np.sqrt(remainder)
    typical = np.divide(states.encode(mean), root, out=np.zeros_like(root), where=is_known)
    typical = np.clip(typical, -MAX_READING_STD, MAX_READING_STD)
    reading = np.divide(typical, root, out=np.zeros_like(root), where=is_known)
    ratio = np.divide(deviation, root, out=np.full_like(root, np.inf), where=is_known)
    token = np.where(deviation == 0, mean, states.decode(reading)).astype(np.float32)
    return token, level_at(schedule, ratio.max(axis=-1))
