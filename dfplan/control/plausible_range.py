"""PlausibleRange: the values that a sensor could plausibly read; all others are outliers."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from dfplan.representation.normalizer import Normalizer

MAX_DEVIATIONS = 1e5
"""Distance from the data's mean beyond which a reading is an outlier, relative to the data's scale.

The squares of numbers within the limit are far below the largest float32. Sensor noise, drift and
pushes stay orders of magnitude below the limit, even if the data were almost at rest."""


@dataclasses.dataclass(frozen=True)
class PlausibleRange:
    """Numbers that differ from the data's mean by at most `MAX_DEVIATIONS` times the data's scale.

    The scale of a dimension is its standard deviation or the magnitude of its mean, whichever is
    larger: if a dimension hardly varies in the data, its deviation alone is not its scale.

    Attributes:
        mean: `[D]` mean of the data, SI units.
        std: `[D]` standard deviation of the data, SI units.
        origin: `[D]` offset of the local coordinates, which errors add back; see `Layout.origin`.
    """

    mean: Float[np.ndarray, "D"]
    std: Float[np.ndarray, "D"]
    origin: Float[np.ndarray, "D"]

    @classmethod
    def of(cls, normalizer: Normalizer, origin: tuple[float, ...] = ()) -> "PlausibleRange":
        """Return the range of the data that a normalizer was fitted to."""
        mean = np.asarray(normalizer.mean, np.float64)
        std = np.asarray(normalizer.std, np.float64)
        return cls(mean, std, np.array(origin or np.zeros(len(mean))))

    def take(self, dims: tuple[int, ...]) -> "PlausibleRange":
        """Return the range of some dimensions."""
        index = list(dims)
        return PlausibleRange(self.mean[index], self.std[index], self.origin[index])

    def is_outlier(self, values: Float[np.ndarray, "B D"]) -> Bool[np.ndarray, "B D"]:
        """Return which values are outliers; infinite values are, NaN is not."""
        limit = MAX_DEVIATIONS * np.maximum(self.std, np.abs(self.mean))
        return np.abs(values - self.mean) > limit

    def describe(self, dim: int) -> str:
        """Return the data's range in one dimension, as text."""
        mean = self.mean[dim] + self.origin[dim]
        return f"the data has mean {mean:.6g} and deviation {self.std[dim]:.3g} there"
