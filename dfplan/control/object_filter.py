"""ObjectFilter: an object's state from readings that are noisy or missing.

The object either rests or moves by its own dynamics, such as in a gripper. Two Kalman filters, one
for each mode, run side by side and exchange their beliefs (interacting multiple models, Blom &
Bar-Shalom 1988).
"""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np
import scipy.special
from jaxtyping import Bool, Float

from dfplan.control.kalman import bounded
from dfplan.control.object_dynamics import MOVES, ObjectDynamics
from dfplan.control.rows import choose

REST = 0
MOVING = 1
"""Numbers of the modes."""
SWITCH = 0.02
"""Probability per control step that an object begins or ceases to move."""
EXACT = MOVES**2
"""Least variance of a reading: objects that count as at rest may move by this."""
DRIFT = (0.1 * MOVES) ** 2
"""Variance per control step of an object at rest."""
PLAUSIBLE = 0.999
"""Share of readings that are plausible. After one that is not, the object may be anywhere: it was
moved by somebody else, or by the robot while it was not seen."""


class ObjectFilterState(NamedTuple):
    """Belief about an object for `B` robots; normalized units.

    Attributes:
        mean: `[B, 2, D]` mean in each mode.
        covariance: `[B, 2, D, D]` covariance in each mode.
        probability: `[B, 2]` probability of each mode.
    """

    mean: Float[np.ndarray, "B 2 D"]
    covariance: Float[np.ndarray, "B 2 D D"]
    probability: Float[np.ndarray, "B 2"]


@dataclasses.dataclass(frozen=True)
class ObjectFilter:
    """Estimates one object; pure functions of an `ObjectFilterState`.

    Attributes:
        dynamics: How the object moves while it moves.
        low: `[D]` smallest value of each of its dimensions in the data.
        high: `[D]` largest value.
    """

    dynamics: ObjectDynamics
    low: Float[np.ndarray, "D"]
    high: Float[np.ndarray, "D"]

    @functools.cached_property
    def dims(self) -> list[int]:
        """State dimensions of the object."""
        return list(self.dynamics.dims)

    def init(self, batch: int) -> ObjectFilterState:
        """Return the state before any reading: the data's mean and deviation, normalized."""
        count = len(self.dims)
        return ObjectFilterState(
            mean=np.zeros((batch, 2, count)),
            covariance=np.tile(np.eye(count), (batch, 2, 1, 1)),
            probability=np.full((batch, 2), 0.5),
        )

    def reset(self, state: ObjectFilterState, mask: Bool[np.ndarray, "B"]) -> ObjectFilterState:
        """Begin an episode for the robots in `mask`."""
        return _choose(mask, self.init(len(mask)), state)

    def observe(
        self,
        state: ObjectFilterState,
        reading: Float[np.ndarray, "B D"],
        variance: Float[np.ndarray, "B D"],
    ) -> ObjectFilterState:
        """Return the state after readings of the object.

        Args:
            state: State before.
            reading: Normalized readings; NaN where missing.
            variance: Their noise variance.
        """
        state_after, surprise = _update(state, reading, variance)
        is_read = np.isfinite(reading)
        limit = _limits(len(self.dims))[is_read.sum(axis=1)]
        is_lost = surprise.min(axis=1) > limit
        if is_lost.any():
            restarted, _ = _update(self.init(len(reading)), reading, variance)
            state_after = _choose(is_lost, restarted, state_after)
        return state_after

    def estimate(
        self, state: ObjectFilterState
    ) -> tuple[Float[np.ndarray, "B D"], Float[np.ndarray, "B D"]]:
        """Return the mean and the variance of the object in its more probable mode."""
        mode = state.probability.argmax(axis=1)
        robots = np.arange(len(mode))
        variance = np.diagonal(state.covariance[robots, mode], axis1=1, axis2=2)
        return state.mean[robots, mode], np.maximum(variance, 0.0)

    def predict(
        self,
        state: ObjectFilterState,
        robot: Float[np.ndarray, "B S"],
        variance: Float[np.ndarray, "B S"],
        action: Float[np.ndarray, "B A"],
        is_read: Bool[np.ndarray, "B"],
    ) -> ObjectFilterState:
        """Return the belief one control step later, before its reading.

        Args:
            state: State of the filter.
            robot: Means of all dimensions of the state.
            variance: Their variances.
            action: Normalized actions.
            is_read: Whether the object was read in this step. Without a reading, nothing tells the
                modes apart, so a hidden object keeps its mode.
        """
        state = _choose(is_read, _exchange(state), state)
        mean = state.mean.copy()
        covariance = state.covariance.copy()
        covariance[:, REST] += DRIFT * np.eye(len(self.dims))
        own = self.dims
        inputs = np.concatenate([robot, action, np.ones((len(robot), 1))], axis=1)
        inputs[:, own] = mean[:, MOVING]
        mean[:, MOVING] += inputs @ self.dynamics.weights.T
        transition = np.eye(len(own)) + self.dynamics.weights[:, own]
        others = self.dynamics.weights[:, : robot.shape[1]].copy()
        others[:, own] = 0.0
        covariance[:, MOVING] = (
            transition @ covariance[:, MOVING] @ transition.T
            + np.einsum("ik,bk,jk->bij", others, variance, others)
            + self.dynamics.covariance
        )
        covariance[:, MOVING] = bounded(covariance[:, MOVING])
        return state._replace(mean=np.clip(mean, self.low, self.high), covariance=covariance)


def _choose(
    mask: Bool[np.ndarray, "B"], one: ObjectFilterState, other: ObjectFilterState
) -> ObjectFilterState:
    """Return one state for the robots in a mask, and the other one for the rest."""
    pairs = zip(one, other, strict=True)
    return ObjectFilterState(*[choose(mask, *pair, xp=np) for pair in pairs])


def _update(
    state: ObjectFilterState, reading: Float[np.ndarray, "B D"], variance: Float[np.ndarray, "B D"]
) -> tuple[ObjectFilterState, Float[np.ndarray, "B 2"]]:
    """Return the state after readings, and each mode's squared normalized error before them."""
    is_read = np.isfinite(reading)[:, None]
    noise = np.where(is_read, np.maximum(variance, EXACT)[:, None], 1.0)
    innovation = np.where(is_read, reading[:, None] - state.mean, 0.0)
    observed = is_read[..., None] * state.covariance
    size = observed * is_read[..., None, :] + noise[..., None] * np.eye(reading.shape[1])
    weighted = np.linalg.solve(size, innovation[..., None])[..., 0]
    surprise = (innovation * weighted).sum(axis=-1)
    gain = np.linalg.solve(size, observed).swapaxes(-1, -2)
    covariance = state.covariance - gain @ observed
    log_likelihood = -0.5 * (surprise + np.linalg.slogdet(size)[1])
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    probability = state.probability * likelihood
    after = ObjectFilterState(
        mean=state.mean + np.einsum("bmij,bmj->bmi", gain, innovation),
        covariance=(covariance + covariance.swapaxes(-1, -2)) / 2,
        probability=probability / probability.sum(axis=1, keepdims=True),
    )
    return after, surprise


def _exchange(state: ObjectFilterState) -> ObjectFilterState:
    """Return the beliefs about objects that may have begun or ceased to move."""
    switch = np.full((2, 2), SWITCH) + (1 - 2 * SWITCH) * np.eye(2)
    joint = state.probability[:, :, None] * switch
    probability = joint.sum(axis=1)
    share = joint / probability[:, None]
    mean = np.einsum("bij,bid->bjd", share, state.mean)
    offset = state.mean[:, :, None] - mean[:, None]
    spread = offset[..., :, None] * offset[..., None, :] + state.covariance[:, :, None]
    return ObjectFilterState(mean, np.einsum("bij,bijde->bjde", share, spread), probability)


@functools.cache
def _limits(dims: int) -> Float[np.ndarray, "L"]:
    """Return the largest plausible squared error by the number of readings."""
    readings = np.arange(1, dims + 1)
    # The quantiles of chi-squared distributions. `scipy.stats` has them, but is slow to import.
    quantiles = 2 * scipy.special.gammaincinv(readings / 2, PLAUSIBLE)
    return np.concatenate([[np.inf], quantiles])
