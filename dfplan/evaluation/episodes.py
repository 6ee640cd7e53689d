"""Episodes: what happened in an evaluation."""

import dataclasses
from typing import Literal

import numpy as np


@dataclasses.dataclass(frozen=True)
class Episodes:
    """What happened in `E` episodes of at most `L` steps.

    Attributes:
        seeds: `[E]`, of the environment.
        reward: `[E, L]`, 0 after the end.
        success: `[E, L+1]` bool, the environment's success flag, at the reset first; false where
            it does not say, None where it never does.
        length: `[E]` steps taken.
        states: `[E, L+1, S]` states driven through, the last one repeated after the end; the true
            ones, where the environment says so of observations that are perturbed.
        goals: `[E, G]` the goals at the reset, or None.
    """

    seeds: np.ndarray
    reward: np.ndarray
    success: np.ndarray | None
    length: np.ndarray
    states: np.ndarray
    goals: np.ndarray | None


def join(episodes: list[Episodes]) -> Episodes:
    """Several records as one, their ends padded as `Episodes` says."""
    longest = max(e.reward.shape[1] for e in episodes)
    flagged = any(e.success is not None for e in episodes)
    success = None
    if flagged:
        success = np.concatenate([_pad(_flags(e), longest + 1, "edge") for e in episodes])
    goals = [e.goals for e in episodes if e.goals is not None]
    return Episodes(
        np.concatenate([e.seeds for e in episodes]),
        np.concatenate([_pad(e.reward, longest, "constant") for e in episodes]),
        success,
        np.concatenate([e.length for e in episodes]),
        np.concatenate([_pad(e.states, longest + 1, "edge") for e in episodes]),
        np.concatenate(goals) if goals else None,
    )


def _flags(episodes: Episodes) -> np.ndarray:
    if episodes.success is None:
        return np.zeros((len(episodes.seeds), episodes.reward.shape[1] + 1), bool)
    return episodes.success


def _pad(array: np.ndarray, size: int, mode: Literal["constant", "edge"]) -> np.ndarray:
    """`[E, L, ...]` with `size` in place of L, zeros or the last value after its end."""
    more = [(0, 0)] * (array.ndim - 2)
    return np.pad(array, [(0, 0), (0, size - array.shape[1]), *more], mode=mode)
