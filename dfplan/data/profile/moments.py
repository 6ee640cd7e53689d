"""Moments: statistics per column, computed chunk by chunk and merged exactly."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Moments:
    """Statistics per dimension over finite values; each `[D]`.

    Attributes:
        count: Number of finite values.
        missing: Number of other values.
        mean: Mean.
        square: Sum of squared deviations from the mean.
        low: Lowest value.
        high: Highest value.
        at_low: Number of values equal to the lowest.
        at_high: Number of values equal to the highest.
    """

    count: np.ndarray
    missing: np.ndarray
    mean: np.ndarray
    square: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_low: np.ndarray
    at_high: np.ndarray

    @property
    def std(self) -> np.ndarray:
        """Standard deviation; NaN where there are no values."""
        return np.sqrt(self.square / np.where(self.count, self.count, np.nan))


def moments(x: np.ndarray) -> Moments:
    """Compute the moments of `x` `[N, D]`."""
    x = np.asarray(x, np.float64)
    finite = np.isfinite(x)
    count = finite.sum(axis=0)
    low = x if finite.all() else np.where(finite, x, np.inf)
    high = x if finite.all() else np.where(finite, x, -np.inf)
    x = np.where(finite, x, 0)
    mean = x.sum(axis=0) / np.maximum(count, 1)
    square = (np.where(finite, x - mean, 0) ** 2).sum(axis=0)
    lowest = low.min(axis=0, initial=np.inf)
    highest = high.max(axis=0, initial=-np.inf)
    return Moments(
        count=count,
        missing=len(x) - count,
        mean=mean,
        square=square,
        low=lowest,
        high=highest,
        at_low=((x == lowest) & finite).sum(axis=0),
        at_high=((x == highest) & finite).sum(axis=0),
    )


def merge(a: Moments, b: Moments) -> Moments:
    """Merge the moments of two chunks (Chan et al. 1979)."""
    count = a.count + b.count
    difference = b.mean - a.mean
    share = b.count / np.maximum(count, 1)
    low = np.minimum(a.low, b.low)
    high = np.maximum(a.high, b.high)
    return Moments(
        count=count,
        missing=a.missing + b.missing,
        mean=a.mean + difference * share,
        square=a.square + b.square + difference**2 * a.count * share,
        low=low,
        high=high,
        at_low=a.at_low * (a.low == low) + b.at_low * (b.low == low),
        at_high=a.at_high * (a.high == high) + b.at_high * (b.high == high),
    )
