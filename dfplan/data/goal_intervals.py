"""Goal intervals: times between goal changes in the data, and the training window they call for."""

import math
from collections.abc import Sequence

import numpy as np

NO_INTERVALS = np.zeros(0, np.int64)
QUANTILE = 0.99
MARGIN = 4 / 3
"""Margin because goals at the far end of a window are too rare in training to be learned."""
DEFAULT_TOKENS = 32


def goal_intervals(goal: np.ndarray | None, start: Sequence[int] | np.ndarray = (0,)) -> np.ndarray:
    """Return the control steps `[K]` between consecutive changes of the goal in an episode.

    Args:
        goal: `[N, G]`, desired goals of one or more episodes, or None.
        start: `[E]`, first row of each episode, ascending.
    """
    if goal is None:
        return NO_INTERVALS
    changes = np.zeros(len(goal), bool)
    changes[1:] = (goal[1:] != goal[:-1]).any(axis=-1)
    changes[np.asarray(start)] = False
    rows = np.flatnonzero(changes)
    episode = np.searchsorted(start, rows, side="right")
    return np.diff(rows)[episode[1:] == episode[:-1]]


def window_tokens(intervals: np.ndarray, stride: int) -> int:
    """Return the state tokens per training window: 4/3 of the 99% quantile of the intervals.

    32 if the data has no goals, or goals that never change within an episode.

    Args:
        intervals: `[K]`, goal intervals of the data in control steps.
        stride: Control steps per token.
    """
    if not len(intervals):
        return DEFAULT_TOKENS
    return max(math.ceil(MARGIN * np.quantile(intervals, QUANTILE) / stride), 2)
