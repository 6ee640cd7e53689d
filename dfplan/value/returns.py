"""Returns: what followed each state of a dataset, in discounted rewards."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


class Returns(NamedTuple):
    """Of every row of a dataset, up to its episode's end and over its next token.

    What follows a truncated episode was not observed: there the return is `gain` plus `tail` times
    the value of the episode's last state. A terminated one has nothing to follow.

    Attributes:
        gain: `[N]`, sum of discount^k r_k from the row's step to the last of its episode.
        tail: `[N]`, discount^n of the n steps that are left; 0 where the episode terminates.
        last: `[N]`, the episode's last row.
        known: `[N]` bool, False on the last rows of truncated episodes, of which nothing is known.
        reward: `[N]`, the same sum over the next `stride` steps alone.
        later: `[N]`, the row after them, or the episode's last.
        ended: `[N]` bool, whether the episode terminates within them.
        whole: `[N]` bool, whether all of them were observed, or the episode terminates before.
    """

    gain: Float[np.ndarray, "N"]
    tail: Float[np.ndarray, "N"]
    last: Int[np.ndarray, "N"]
    known: Bool[np.ndarray, "N"]
    reward: Float[np.ndarray, "N"]
    later: Int[np.ndarray, "N"]
    ended: Bool[np.ndarray, "N"]
    whole: Bool[np.ndarray, "N"]


def returns(
    reward: Float[np.ndarray, "N"],
    start: Int[np.ndarray, "E"],
    length: Int[np.ndarray, "E"],
    terminated: Bool[np.ndarray, "E"],
    *,
    discount: float,
    stride: int,
) -> Returns:
    """Returns of the rows of a dataset.

    Args:
        reward: of the step that begins at each row; an episode's last row begins none.
        start, length: rows of each episode.
        terminated: episodes that the task ended, as opposed to a time limit or the data's end.
        discount: below 1, per control step.
        stride: control steps of a token.
    """
    last = np.repeat(start + length - 1, length)
    over = np.repeat(terminated, length)
    row = np.arange(len(reward))
    left = last - row
    gain = _discounted_sum(reward, start, length, discount)
    later = np.minimum(row + stride, last)
    steps = later - row
    return Returns(
        gain,
        np.where(over, 0.0, discount**left),
        last,
        over | (left > 0),
        gain - discount**steps * gain[later],
        later,
        over & (later == last),
        (steps == stride) | over,
    )


def _discounted_sum(
    reward: np.ndarray, start: np.ndarray, length: np.ndarray, discount: float
) -> np.ndarray:
    """From each row to its episode's last, all episodes at once, from their ends backwards."""
    total = np.zeros(len(reward))
    for back in range(1, int(length.max(initial=1))):
        here = (start + length - 1 - back)[length > back]
        total[here] = reward[here] + discount * total[here + 1]
    return total
