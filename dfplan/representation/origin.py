"""Origin: offsets subtracted from float64 states before they become float32, such as UTM's."""

import numpy as np

from dfplan.representation.spread import Spread, float32_resolution

MAX_ROUNDING = 0.01
"""Largest spacing of float32 numbers that needs no origin, relative to the typical step."""
MIN_GAIN = 8.0
"""Factor by which an origin must reduce a dimension's magnitude."""
STILL = 1e-4
"""Typical step, in standard deviations, of a dimension that never changes within an episode."""


def choose_origin(states: np.ndarray, start: np.ndarray) -> tuple[float, ...]:
    """Return the origin of each state dimension; empty if float32 resolves all of them.

    A dimension gets an origin, the center of its range, if float32 numbers are too coarse for its
    typical change per step, and an offset is the reason. All others have the origin 0.

    Args:
        states: States `[N, S]` of episodes, one after the other, in the precision of the dataset.
        start: `[E]`, first row of each episode.
    """
    if states.dtype == np.float32:
        return ()
    low = states.min(axis=0).astype(np.float64)
    high = states.max(axis=0).astype(np.float64)
    dims = np.flatnonzero(_has_offset(low, high))
    if not len(dims):
        return ()
    is_first = np.zeros(len(states), bool)
    is_first[start] = True
    spread = Spread.measure(states[:, dims].astype(np.float64), is_first)
    origin = np.zeros(len(low))
    origin[dims] = origin_of_range(low[dims], high[dims], spread)
    return tuple(origin.tolist()) if origin.any() else ()


def origin_of_range(low: np.ndarray, high: np.ndarray, spread: Spread) -> np.ndarray:
    """Return the origin of float64 states `[S]`, 0 where none is needed; see `choose_origin`.

    Args:
        low: `[S]` lowest states.
        high: `[S]` highest states.
        spread: Spread of the states.
    """
    change = np.where(spread.change > 0, spread.change, STILL * spread.std)
    is_too_coarse = float32_resolution(spread.magnitude) > MAX_ROUNDING * change
    is_noise = spread.is_noise(np.spacing(spread.magnitude))
    is_needed = _has_offset(low, high) & is_too_coarse & ~is_noise
    return np.where(is_needed, _center(low, high), 0.0)


def _has_offset(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    center = _center(low, high)
    magnitude = np.maximum(np.abs(low), np.abs(high))
    return magnitude > MIN_GAIN * np.maximum(high - center, center - low)


def _center(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the center of each range, as a number that float32 holds exactly."""
    return (low / 2 + high / 2).astype(np.float32).astype(np.float64)
