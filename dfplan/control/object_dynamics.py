"""ObjectDynamics: how an object moves while it moves, fitted to the control steps where it does.

What a robot handles, such as cubes on a table, rests most of the time, and moves in the gripper
otherwise. Linear dynamics that are fitted to all control steps describe neither: they make each
object follow the robot by a fraction.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

MOVES = 0.01
"""Change of a dimension in a control step, in standard deviations of the data, above which the
object moves."""
CUTOFF = 1e-3
"""Combinations of inputs that vary by less than this share of the largest one count as constant.

While an object moves, others rest, and what hardly varies has no effect that could be learned."""
STEPS_PER_WEIGHT = 2
"""Control steps with movement, per weight of a dimension, that a fit needs."""


@dataclasses.dataclass(frozen=True)
class ObjectDynamics:
    """`next = own + A state + B action + c + w`, w of covariance Q, while the object moves.

    All in normalized units; `own` are the object's dimensions of the state.

    Attributes:
        dims: State dimensions of the object, D.
        weights: `[D, S+A+1]` A, B and c side by side.
        covariance: `[D, D]` covariance of the residual, Q.
    """

    dims: tuple[int, ...]
    weights: Float[np.ndarray, "D F"]
    covariance: Float[np.ndarray, "D D"]

    @classmethod
    def fit(
        cls,
        dims: Sequence[int],
        current: Float[np.ndarray, "N S"],
        action: Float[np.ndarray, "N A"],
        following: Float[np.ndarray, "N S"],
    ) -> "ObjectDynamics | None":
        """Fit least squares to the control steps where the object moves; None if there are too few.

        Args:
            dims: State dimensions of the object.
            current: Normalized states.
            action: Normalized actions.
            following: Normalized states that the actions led to.
        """
        own = list(dims)
        change = (following[:, own] - current[:, own]).astype(np.float64)
        rows = moves(change)
        inputs = np.concatenate([current, action, np.ones((len(current), 1))], axis=1)[rows]
        if len(inputs) < STEPS_PER_WEIGHT * inputs.shape[1]:
            return None
        weights = np.linalg.lstsq(inputs.astype(np.float64), change[rows], rcond=CUTOFF)[0]
        residual = change[rows] - inputs @ weights
        return cls(tuple(dims), weights.T, residual.T @ residual / len(residual))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "dims": list(self.dims),
            "weights": self.weights.tolist(),
            "covariance": self.covariance.tolist(),
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> "ObjectDynamics":
        """Return the dynamics of a JSON form; the inverse of `to_dict`."""
        weights = np.asarray(d["weights"], np.float64)
        return cls(tuple(d["dims"]), weights, np.asarray(d["covariance"], np.float64))


def moves(change: Float[np.ndarray, "*b D"]) -> Bool[np.ndarray, "*b"]:
    """Return where an object moves, from the change of its normalized dimensions in a step."""
    return np.any(np.abs(change) > MOVES, axis=-1)
