"""Motion: what a control step does to a state, as far as a line fitted to the data tells."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float

MAX_STEPS = 50_000
"""Control steps that are fitted to, spread evenly over the data."""
FLOOR = 1e-8
"""Least variance of what the line does not tell, normalised units: readings are float32."""


@dataclasses.dataclass(frozen=True)
class LinearDynamics:
    """`next = state + A state + B action + c + w`, w of covariance Q; all in normalised units.

    The data's own range bounds the mean: a line knows of no walls and no top speed, and is not
    to be followed to where the data has never been.

    Attributes:
        weights: `[S, S+A+1]`, A, B and c side by side.
        covariance: `[S, S]`, Q.
        low, high: `[S]`, the data's range.
    """

    weights: Float[np.ndarray, "S F"]
    covariance: Float[np.ndarray, "S S"]
    low: Float[np.ndarray, "S"]
    high: Float[np.ndarray, "S"]

    @classmethod
    def fit(
        cls, state: np.ndarray, action: np.ndarray, start: np.ndarray, length: np.ndarray
    ) -> "LinearDynamics":
        """Least squares over the data's control steps.

        Args:
            state: `[N, S]`. action: `[N, A]`, both normalised, episode after episode.
            start, length: `[E]`, rows of each episode; an action leads to the next row.
        """
        state = np.asarray(state, np.float64)
        is_usable = np.ones(len(state), bool)
        is_usable[start + length - 1] = False
        rows = np.flatnonzero(is_usable)
        rows = rows[:: max(len(rows) // MAX_STEPS, 1)]
        here, there = state[rows], state[rows + 1]
        inputs = np.concatenate([here, action[rows], np.ones((len(rows), 1))], axis=1)
        weights = np.linalg.lstsq(inputs, there - here, rcond=None)[0]
        rest = there - here - inputs @ weights
        covariance = rest.T @ rest / len(rest) + FLOOR * np.eye(state.shape[1])
        return cls(weights.T, covariance, state.min(axis=0), state.max(axis=0))

    @property
    def transition(self) -> Float[np.ndarray, "S S"]:
        """The derivative of the next state by this one, I + A."""
        dim = len(self.weights)
        return np.eye(dim) + self.weights[:, :dim]

    def step(
        self, state: Float[np.ndarray, "B S"], action: Float[np.ndarray, "B A"]
    ) -> Float[np.ndarray, "B S"]:
        """The expected next states."""
        inputs = np.concatenate([state, action, np.ones((len(state), 1))], axis=1)
        return np.clip(state + inputs @ self.weights.T, self.low, self.high)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {f.name: getattr(self, f.name).tolist() for f in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> "LinearDynamics":
        """Inverse of `to_dict`."""
        return cls(*(np.asarray(d[f.name], np.float64) for f in dataclasses.fields(cls)))
