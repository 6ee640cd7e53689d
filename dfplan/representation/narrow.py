"""Narrow dimensions: they vary so little for their magnitude that they may hold only drift.

White noise shows in the differences of consecutive values, see `dfplan.representation.spread`.
Drift, filtered noise and an offset that changes with each episode do not: no statistic tells them
from small motion, such as that of a robot arm in UTM coordinates. Only the user knows which of the
two a dimension holds.
"""

from collections.abc import Sequence

import numpy as np

from dfplan.representation.spread import FLAT, MAX_NOISE


def is_narrow(mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Return whether each dimension varies very little for its magnitude, `[D]` bool.

    Args:
        mean: `[D]` means, in the dataset's coordinates.
        std: `[D]` standard deviations, positive.
    """
    return std <= np.minimum(FLAT * np.abs(mean), MAX_NOISE)


def describe_narrow(names: Sequence[str], mean: Sequence[float], std: Sequence[float]) -> str:
    """Describe narrow dimensions in one sentence; return an empty string if there are none.

    Args:
        names: Their names.
        mean: Their means, in the dataset's coordinates.
        std: Their standard deviations.
    """
    if not names:
        return ""
    values = [
        f"{name} varies by only {deviation:.2g} (standard deviation) around {center:.7g}"
        for name, center, deviation in zip(names, mean, std, strict=True)
    ]
    return (
        f"{'; '.join(values)}: training uses that deviation as the unit of its motion; if it is "
        "drift or noise and not motion, leave the dimension out of the dataset"
    )
