"""HistoryBuffer: what a batch of robots has observed and done, cut into history tokens on demand."""

import copy

import jax.numpy as jnp
import numpy as np

from dfplan.planner.plan import History
from dfplan.representation.tokens import TokenLayout


def history_indices(layout: TokenLayout, tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Where history tokens have their states and actions in a record whose last row is the present.

    Args:
        layout: what a token holds.
        tokens: H, history tokens.

    Returns:
        `[H, F]` rows of the states and `[H, stride]` of the actions that led there, from -1 back.
    """
    steps = np.arange(1 - tokens, 1)[:, None] * layout.stride
    return steps + np.arange(-layout.frame_count, 0), steps + np.arange(-layout.stride, 0)


class HistoryBuffer:
    """The last control steps of `B` robots, as far back as a plan looks.

    Args:
        layout: what a token holds.
        tokens: H, history tokens of a plan, the present included.
        batch: B.
    """

    def __init__(self, layout: TokenLayout, tokens: int, batch: int):
        self._layout = layout
        self._steps = np.arange(1 - tokens, 1) * layout.stride
        back = (tokens - 1) * layout.stride
        self._states = np.zeros((batch, back + layout.frame_count, layout.state_dim), np.float32)
        self._levels = np.zeros(self._states.shape[:2], np.float32)
        self._actions = np.zeros((batch, back + layout.stride, layout.action_dim), np.float32)
        self._age = np.full(batch, -1)

    def forget(self, mask: np.ndarray) -> None:
        """Begin anew for the robots in `mask` [B] bool."""
        self._age[mask] = -1
        self._actions[mask] = 0.0

    def observe(self, state: np.ndarray, level: np.ndarray | float) -> None:
        """Add the present states [B, S], and the noise level declared for them, one or [B]."""
        level = np.broadcast_to(np.float32(level), len(state))
        fresh = self._age < 0
        # Before an episode's first step there is nothing; training repeats its first state there.
        self._states[fresh] = state[fresh, None]
        self._levels[fresh] = level[fresh, None]
        for kept, new in ((self._states, state), (self._levels, level)):
            kept[:, :-1] = kept[:, 1:]
            kept[:, -1] = new
        self._age += 1

    def acted(self, action: np.ndarray) -> None:
        """Add the actions [B, A] that follow the present states."""
        self._actions[:, :-1] = self._actions[:, 1:]
        self._actions[:, -1] = action

    def history(self, rows: np.ndarray, ahead: np.ndarray | None = None) -> History:
        """History tokens of the robots `rows` [K]; those before their episode are missing.

        A token is as noisy as the noisiest of its frames.

        Args:
            rows: indices.
            ahead: [K, d, S] states that are expected to follow, of which the last one is to count
                as the present; they are as noisy as the last observation, and its action goes on.
        """
        if ahead is not None and ahead.shape[1]:
            return self._after(rows, ahead).history(np.arange(len(rows)))
        frames, actions = history_indices(self._layout, len(self._steps))
        level = self._levels[rows][:, frames].max(axis=-1)
        missing = self._age[rows, None] + self._steps < 0
        return History(
            jnp.asarray(self._states[rows][:, frames]),
            jnp.asarray(self._actions[rows][:, actions]),
            jnp.asarray(np.where(missing, 1.0, level), jnp.float32),
        )

    def _after(self, rows: np.ndarray, ahead: np.ndarray) -> "HistoryBuffer":
        """A record of `rows` alone, in which what is expected has been observed."""
        later = copy.copy(self)
        later._states, later._levels, later._actions, later._age = (
            a[rows] for a in (self._states, self._levels, self._actions, self._age)
        )
        for state in ahead.swapaxes(0, 1):
            later.acted(later._actions[:, -1].copy())
            later.observe(state, later._levels[:, -1].copy())
        return later
