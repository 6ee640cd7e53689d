"""PlausibleRange: what a sensor like the data's can read; anything else is an outlier."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from dfplan.representation.normalizer import Normalizer

MAX_DEVIATIONS = 1e5
"""Distance from the data's mean beyond which a reading is an outlier, in units of the data.

It bounds what a planner computes with: squares of such numbers are far from the largest float32.
Sensor noise, drift and pushes stay orders of magnitude below it, also where the data was almost at
rest."""


@dataclasses.dataclass(frozen=True)
class PlausibleRange:
    """Numbers within `MAX_DEVIATIONS` units of the data's mean.

    The unit of a dimension is the larger one of its standard deviation and the magnitude of its
    mean, since the deviation of a dimension that the data hardly varies does not tell its scale.

    Attributes:
        mean: `[D]` mean of the data, SI units.
        std: `[D]` standard deviation of the data, SI units.
    """

    mean: Float[np.ndarray, "D"]
    std: Float[np.ndarray, "D"]

    @classmethod
    def of(cls, normalizer: Normalizer) -> "PlausibleRange":
        """Return the range of the data that a normalizer was fitted to."""
        mean = np.asarray(normalizer.mean, np.float64)
        std = np.asarray(normalizer.std, np.float64)
        return cls(mean, std)

    def take(self, dims: tuple[int, ...]) -> "PlausibleRange":
        """Return the range of some dimensions."""
        return PlausibleRange(self.mean[list(dims)], self.std[list(dims)])

    def is_outlier(self, values: Float[np.ndarray, "B D"]) -> Bool[np.ndarray, "B D"]:
        """Return which values are outside, among them infinite ones; NaN is not."""
        limit = MAX_DEVIATIONS * np.maximum(self.std, np.abs(self.mean))
        return np.abs(values - self.mean) > limit

    def describe(self, dim: int) -> str:
        """Return the data's range in one dimension, as text."""
        return f"the data has mean {self.mean[dim]:.3g} and deviation {self.std[dim]:.3g} there"
