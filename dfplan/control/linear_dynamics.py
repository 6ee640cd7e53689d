"""LinearDynamics: linear dynamics fitted to the dataset."""

import dataclasses
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float

from dfplan.control.object_dynamics import ObjectDynamics
from dfplan.types import XpArray

MAX_STEPS = 50_000
"""Control steps that are fitted to, spread evenly over the data."""
MIN_VARIANCE = 1e-8
"""Variance added to that of the residual, normalized units, as readings are float32."""
ARRAYS = ("weights", "covariance", "low", "high")
"""Attributes that are arrays."""


@dataclasses.dataclass(frozen=True)
class LinearDynamics:
    """`next = state + A state + B action + c + w`, w of covariance Q; all in normalized units.

    The data's range bounds the mean: linear dynamics know neither walls nor a top speed, and must
    not be extrapolated beyond the data.

    Attributes:
        weights: `[S, S+A+1]` A, B and c side by side.
        covariance: `[S, S]` covariance of the residual, Q.
        low: `[S]` smallest value of each state dimension in the data.
        high: `[S]` largest value of each state dimension in the data.
        objects: How objects that the robot handles move while they do; empty without any.
    """

    weights: Float[np.ndarray, "S F"]
    covariance: Float[np.ndarray, "S S"]
    low: Float[np.ndarray, "S"]
    high: Float[np.ndarray, "S"]
    objects: tuple[ObjectDynamics, ...] = ()

    @classmethod
    def fit(
        cls,
        *,
        current: np.ndarray,
        action: np.ndarray,
        following: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        objects: Sequence[Sequence[int]] = (),
    ) -> "LinearDynamics":
        """Fit least squares to control steps, such as those of `fitted_rows`.

        Args:
            current: `[N, S]` normalized states.
            action: `[N, A]` normalized actions.
            following: `[N, S]` normalized states that the actions led to.
            low: `[S]` smallest value of each state dimension in the data.
            high: `[S]` largest value of each state dimension in the data.
            objects: State dimensions of each object that the robot handles.
        """
        current = np.asarray(current, np.float64)
        change = np.asarray(following, np.float64) - current
        inputs = np.concatenate([current, action, np.ones((len(current), 1))], axis=1)
        weights = np.linalg.lstsq(inputs, change, rcond=None)[0]
        residual = change - inputs @ weights
        covariance = residual.T @ residual / len(residual)
        covariance += MIN_VARIANCE * np.eye(current.shape[1])
        return cls(
            weights=weights.T,
            covariance=covariance,
            low=np.asarray(low, np.float64),
            high=np.asarray(high, np.float64),
            objects=tuple(
                [
                    dynamics
                    for dims in objects
                    if (dynamics := ObjectDynamics.fit(dims, current, action, following))
                ]
            ),
        )

    @property
    def transition(self) -> Float[np.ndarray, "S S"]:
        """Derivative of the next state with respect to the present one, I + A."""
        dim = len(self.weights)
        return np.eye(dim) + self.weights[:, :dim]

    def step(
        self, state: Float[XpArray, "B S"], action: Float[XpArray, "B A"], xp: ModuleType = np
    ) -> Float[XpArray, "B S"]:
        """Return the expected next states.

        Args:
            state: Normalized states.
            action: Normalized actions.
            xp: `numpy` or `jax.numpy`.
        """
        inputs = xp.concatenate([state, action, xp.ones((len(state), 1))], axis=1)
        return xp.clip(state + inputs @ self.weights.T, self.low, self.high)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        arrays = {name: getattr(self, name).tolist() for name in ARRAYS}
        return {**arrays, "objects": [dynamics.to_dict() for dynamics in self.objects]}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> "LinearDynamics":
        """Return the dynamics of a JSON form; the inverse of `to_dict`."""
        arrays = {name: np.asarray(d[name], np.float64) for name in ARRAYS}
        objects = tuple([ObjectDynamics.from_dict(entry) for entry in d.get("objects", ())])
        return cls(**arrays, objects=objects)


def fitted_rows(start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return the rows of the control steps that dynamics are fitted to, spread over the data.

    Args:
        start: `[E]` first row of each episode.
        length: `[E]` rows of each episode; no step begins at the last one.
    """
    steps = length - 1
    before = np.cumsum(steps) - steps
    number = np.arange(0, steps.sum(), max(int(steps.sum()) // MAX_STEPS, 1))
    episode = np.searchsorted(before, number, side="right") - 1
    return start[episode] + number - before[episode]
