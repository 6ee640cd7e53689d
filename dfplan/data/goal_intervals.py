"""Trips: how long the data takes to its goals, and so how long a training window should be."""

import math

import numpy as np

NO_INTERVALS = np.zeros(0, np.int64)
LONG = 0.99
MARGIN = 4 / 3
"""A goal as far as the window is long is too rare in it to be learned."""
DEFAULT_TOKENS = 32


def goal_intervals(goal: np.ndarray | None) -> np.ndarray:
    """Control steps `[K]` between two changes of the goal.

    Args:
        goal: `[n+1, G]` one episode's desired goals, or None.
    """
    if goal is None:
        return NO_INTERVALS
    return np.diff(np.flatnonzero((goal[1:] != goal[:-1]).any(axis=-1)))


def window_tokens(taken: np.ndarray, stride: int) -> int:
    """State tokens per training window: a third more than 99 of 100 trips are long.

    Data whose goals never change within an episode, or that has none, says nothing: then it is 32.

    Args:
        taken: `[K]` control steps of the data's trips.
        stride: control steps per token.
    """
    if not len(taken):
        return DEFAULT_TOKENS
    return max(math.ceil(MARGIN * np.quantile(taken, LONG) / stride), 2)
