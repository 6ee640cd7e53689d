"""Episodes in Minari's form."""

from typing import Any

import numpy as np
from minari.data_collector import EpisodeBuffer


def make_buffer(
    observations: Any,
    actions: np.ndarray,
    rewards: np.ndarray,
    *,
    terminated: bool = False,
    **options: Any,
) -> EpisodeBuffer:
    """Return an episode of L control steps.

    Args:
        observations: `[L + 1, ...]`, or a Dict of such arrays.
        actions: `[L, A]`.
        rewards: `[L]`.
        terminated: Whether the last step terminates the episode; otherwise, it truncates it.
        options: Other fields of the buffer, such as its id.
    """
    ends = np.zeros(len(actions), bool)
    ends[-1:] = True
    # Minari's type hints ask for lists, but its storage accepts arrays and is faster with them.
    arrays: dict[str, Any] = {
        "observations": observations,
        "actions": actions,
        "rewards": rewards,
        "terminations": ends & terminated,
        "truncations": ends & (not terminated),
    }
    return EpisodeBuffer(**arrays, **options)
