"""Returns: the discounted rewards that followed each state of a dataset."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


class Returns(NamedTuple):
    """Discounted rewards after each row of a dataset, to its episode's end and over one token.

    What follows a truncated episode is unknown: there, the return is `observed` plus
    `bootstrap_weight` times the value of the episode's last state. Nothing follows a terminated
    episode.

    Attributes:
        observed: `[N]`, sum of discount^k r_k from the row's step to the last of its episode.
        bootstrap_weight: `[N]`, discount^n for the n steps left in the episode; 0 if it terminates.
        last_row: `[N]`, last row of the episode, whose value that weight multiplies.
        is_informative: `[N]` bool, false on the last rows of truncated episodes, whose return is
            entirely unknown.
        token_reward: `[N]`, the same sum over the next `stride` steps.
        next_row: `[N]`, row after these steps, or the episode's last.
        terminates: `[N]` bool, whether the episode terminates within these steps.
        is_complete: `[N]` bool, whether all these steps were observed or the episode terminates
            within them.
    """

    observed: Float[np.ndarray, "N"]
    bootstrap_weight: Float[np.ndarray, "N"]
    last_row: Int[np.ndarray, "N"]
    is_informative: Bool[np.ndarray, "N"]
    token_reward: Float[np.ndarray, "N"]
    next_row: Int[np.ndarray, "N"]
    terminates: Bool[np.ndarray, "N"]
    is_complete: Bool[np.ndarray, "N"]


def compute_returns(
    reward: Float[np.ndarray, "N"],
    start: Int[np.ndarray, "E"],
    length: Int[np.ndarray, "E"],
    terminated: Bool[np.ndarray, "E"],
    *,
    discount: float,
    stride: int,
) -> Returns:
    """Compute the returns of all rows of a dataset.

    Args:
        reward: Reward of the step that begins at each row; unused on an episode's last row.
        start: First row of each episode.
        length: Number of rows of each episode.
        terminated: Whether each episode terminated, as opposed to being truncated.
        discount: Discount per control step, below 1.
        stride: Control steps per token.
    """
    last_row = np.repeat(start + length - 1, length)
    in_terminated = np.repeat(terminated, length)
    row = np.arange(len(reward))
    steps_left = last_row - row
    observed = _discounted_sum(reward, start, length, discount=discount)
    next_row = np.minimum(row + stride, last_row)
    steps = next_row - row
    return Returns(
        observed=observed,
        bootstrap_weight=np.where(in_terminated, 0.0, discount**steps_left),
        last_row=last_row,
        is_informative=in_terminated | (steps_left > 0),
        token_reward=observed - discount**steps * observed[next_row],
        next_row=next_row,
        terminates=in_terminated & (next_row == last_row),
        is_complete=(steps == stride) | in_terminated,
    )


def _discounted_sum(
    reward: np.ndarray, start: np.ndarray, length: np.ndarray, discount: float
) -> np.ndarray:
    """Sum from each row to its episode's last, backward from the ends of all episodes at once."""
    total = np.zeros(len(reward))
    for offset in range(1, int(length.max(initial=1))):
        row = (start + length - 1 - offset)[length > offset]
        total[row] = reward[row] + discount * total[row + 1]
    return total
