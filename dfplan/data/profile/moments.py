"""Moments: statistics of columns of numbers, of one piece at a time, and merged exactly."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Moments:
    """Statistics per dimension, over finite values alone; each `[D]`.

    Attributes:
        count: finite values; missing: the others.
        mean: of the values; square: sum of squared deviations from it.
        low, high: extremes; at_low, at_high: how many values equal them.
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
        """Standard deviation, NaN where there is no value."""
        return np.sqrt(self.square / np.where(self.count, self.count, np.nan))


def moments(x: np.ndarray) -> Moments:
    """Moments of `x` `[N, D]`."""
    x = np.asarray(x, np.float64)
    fine = np.isfinite(x)
    count = fine.sum(axis=0)
    low, high = (x, x) if fine.all() else (np.where(fine, x, np.inf), np.where(fine, x, -np.inf))
    x = np.where(fine, x, 0)
    mean = x.sum(axis=0) / np.maximum(count, 1)
    square = (np.where(fine, x - mean, 0) ** 2).sum(axis=0)
    lowest, highest = low.min(axis=0, initial=np.inf), high.max(axis=0, initial=-np.inf)
    at_low, at_high = ((x == end) & fine for end in (lowest, highest))
    ends = lowest, highest, at_low.sum(axis=0), at_high.sum(axis=0)
    return Moments(count, len(x) - count, mean, square, *ends)


def merge(a: Moments, b: Moments) -> Moments:
    """Moments of two pieces together (Chan et al. 1979)."""
    count = a.count + b.count
    step = b.mean - a.mean
    share = b.count / np.maximum(count, 1)
    low, high = np.minimum(a.low, b.low), np.maximum(a.high, b.high)
    return Moments(
        count,
        a.missing + b.missing,
        a.mean + step * share,
        a.square + b.square + step**2 * a.count * share,
        low,
        high,
        a.at_low * (a.low == low) + b.at_low * (b.low == low),
        a.at_high * (a.high == high) + b.at_high * (b.high == high),
    )
