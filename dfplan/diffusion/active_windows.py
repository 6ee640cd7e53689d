"""Active windows: which tokens each sampling step has to compute."""

from typing import NamedTuple

import numpy as np


class ActiveWindows(NamedTuple):
    """Which tokens each step of a phase computes: `width` of them, from `start[m]` on.

    Attributes:
        start: First token of each step, `[M]` int32.
        width: Tokens per step; the same for all steps, so that one program serves them.
    """

    start: np.ndarray
    width: int


PHASES = 2
"""Largest number of phases of `windows_to_end`. Each phase compiles the network once more: four
phases save a further tenth of a plan's time, and take twice as long to compile as two."""


def all_tokens(matrix: np.ndarray) -> ActiveWindows:
    """Return windows that compute every token at every step."""
    return ActiveWindows(np.zeros(len(matrix) - 1, np.int32), matrix.shape[1])


def windows(matrix: np.ndarray) -> ActiveWindows:
    """Return the windows with which cached sampling equals computing every token at every step.

    In a causal network a token depends only on the tokens before it. So a step needs no token after
    the last one that moves; and of the earlier ones, only those whose cached keys and values are
    stale: everything from the first token that the previous step moved.
    """
    first, last = _needed_tokens(matrix)
    width = int((last - first).max(initial=0)) + 1
    return ActiveWindows(np.minimum(first, matrix.shape[1] - width).astype(np.int32), width)


def windows_to_end(matrix: np.ndarray) -> tuple[ActiveWindows, ...]:
    """Return windows that leave out only complete tokens, as gradient guidance needs them.

    All reach to the last token, so they narrow as sampling proceeds: in at most `PHASES` phases,
    one after the other, each with one step per entry of its `start`.
    """
    tokens = matrix.shape[1]
    first, _ = _needed_tokens(matrix)
    nondecreasing = np.minimum.accumulate(first[::-1])[::-1]
    size = -(-tokens // PHASES)
    starts, steps = np.unique(nondecreasing // size * size, return_counts=True)
    return tuple(
        ActiveWindows(np.full(count, start, np.int32), tokens - int(start))
        for start, count in zip(starts, steps, strict=True)
    )


def _needed_tokens(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last token that each step needs."""
    first_stale = 0
    first: list[int] = []
    last: list[int] = []
    for moves in np.diff(matrix, axis=0) != 0:
        moved = np.flatnonzero(moves)
        first_moved = moved[0] if len(moved) else first_stale
        last_moved = moved[-1] if len(moved) else first_stale
        first.append(min(first_moved, first_stale))
        last.append(last_moved)
        first_stale = first_moved
    return np.array(first, int), np.array(last, int)
