"""Spread: how far the columns of a dataset vary, and whether they hold more than noise."""

from typing import NamedTuple

import numpy as np

RESOLUTION_FACTOR = 4.0
"""Standard deviation, in steps between neighboring numbers, below which a column is rounding."""
FLAT = 3e-5
"""Standard deviation, relative to the largest absolute value, below which a column may be noise."""
MAX_NOISE = 1.0
"""Standard deviation, in the column's own units, above which a column is not noise."""
NOISE_RATIO = 1.0
"""Least von Neumann ratio of a flat column that is noise; it is 2 for noise, near 0 for motion."""
NOTHING = 1e-13
"""Standard deviation below which a column is numerical noise around 0, in any unit in use.

Simulators leave such numbers in states that never change, such as velocities at rest.
"""
UNKNOWN_UNIT = 0.01
"""Scale of a column of noise, relative to its largest absolute value."""


class Spread(NamedTuple):
    """Spread of the columns of a dataset; each `[D]` float64, in the dataset's units.

    Attributes:
        std: Standard deviation.
        magnitude: Largest absolute value.
        change: Root mean square change from a row to the next one of the same sequence.
    """

    std: np.ndarray
    magnitude: np.ndarray
    change: np.ndarray

    @classmethod
    def measure(cls, data: np.ndarray, is_first: np.ndarray | None = None) -> "Spread":
        """Return the spread of `data` `[N, D]`.

        Args:
            data: Rows of one or more sequences, one after the other.
            is_first: `[N]` bool, first row of each sequence; None for a single sequence.
        """
        change = np.diff(data, axis=0)
        if is_first is not None:
            change = change[~is_first[1:]]
        low = data.min(axis=0).astype(np.float64)
        high = data.max(axis=0).astype(np.float64)
        squares = np.einsum("nd,nd->d", change, change, dtype=np.float64)
        return cls(
            std=np.where(low == high, 0.0, data.std(axis=0, dtype=np.float64)),
            magnitude=np.maximum(np.abs(low), np.abs(high)),
            change=np.sqrt(squares / max(len(change), 1)),
        )

    def is_noise(self, resolution: np.ndarray) -> np.ndarray:
        """Return which columns are nearly constant: a constant and noise, `[D]` bool.

        There are two kinds: columns that vary by no more than the rounding of their numbers; and
        flat ones, which vary little for their magnitude, and whose consecutive values differ as
        much as any two values do. Motion with a large offset, such as positions in UTM
        coordinates, is flat, too, but its consecutive values are close to each other. The ratio of
        the two is that of von Neumann 1941, "Distribution of the ratio of the mean square
        successive difference to the variance".

        Args:
            resolution: `[D]` distance between neighboring numbers at each column's magnitude.
        """
        is_rounding = self.std <= np.maximum(RESOLUTION_FACTOR * resolution, NOTHING)
        is_flat = self.std <= np.minimum(FLAT * self.magnitude, MAX_NOISE)
        is_rough = self.change**2 >= NOISE_RATIO * self.std**2
        return is_rounding | (is_flat & is_rough)


def scales(spread: Spread) -> np.ndarray:
    """Return the scale by which each column of float32 numbers is normalized, `[D]` float64.

    This is the standard deviation, except for columns of noise. These do not show the scale of
    their motion, and relative to the deviation of the noise, any motion would look enormous. Their
    scale is 1, or a hundredth of their magnitude if that is larger.
    """
    is_noise = spread.is_noise(float32_resolution(spread.magnitude))
    unknown = np.maximum(1.0, UNKNOWN_UNIT * spread.magnitude)
    return np.where(is_noise, unknown, spread.std)


def float32_resolution(magnitude: np.ndarray) -> np.ndarray:
    """Return the distance between neighboring float32 numbers at each magnitude, as float64."""
    return np.spacing(np.asarray(magnitude, np.float32)).astype(np.float64)
