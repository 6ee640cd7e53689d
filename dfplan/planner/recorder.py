"""Recorder: what a batch of robots has observed and done, cut into history tokens on demand."""

import jax.numpy as jnp
import numpy as np

from dfplan.data.tokens import TokenLayout
from dfplan.planner.core import History


class Recorder:
    """The last control steps of `B` robots, as far back as a plan looks.

    Args:
        layout: what a token holds.
        tokens: H, history tokens of a plan, the present included.
        level: noise level declared for what was observed.
        batch: B.
    """

    def __init__(self, layout: TokenLayout, tokens: int, level: float, batch: int):
        self._layout, self._level = layout, level
        self._steps = np.arange(1 - tokens, 1) * layout.stride
        back = (tokens - 1) * layout.stride
        self._states = np.zeros((batch, back + layout.frame_count, layout.state_dim), np.float32)
        self._actions = np.zeros((batch, back + layout.stride, layout.action_dim), np.float32)
        self._age = np.full(batch, -1)

    def forget(self, mask: np.ndarray) -> None:
        """Begin anew for the robots in `mask` [B] bool."""
        self._age[mask] = -1
        self._actions[mask] = 0.0

    def observe(self, state: np.ndarray) -> None:
        """Add the present states [B, S]."""
        fresh = self._age < 0
        # Before an episode's first step there is nothing; training repeats its first state there.
        self._states[fresh] = state[fresh, None]
        self._states[:, :-1] = self._states[:, 1:]
        self._states[:, -1] = state
        self._age += 1

    def acted(self, action: np.ndarray) -> None:
        """Add the actions [B, A] that follow the present states."""
        self._actions[:, :-1] = self._actions[:, 1:]
        self._actions[:, -1] = action

    def history(self, rows: np.ndarray) -> History:
        """History tokens of the robots `rows` [K]; those before their episode are missing."""
        frames = self._steps[:, None] + np.arange(1 - self._layout.frame_count, 1)
        actions = self._steps[:, None] + np.arange(-self._layout.stride, 0)
        missing = self._age[rows, None] + self._steps < 0
        return History(
            jnp.asarray(self._states[rows][:, frames - 1]),
            jnp.asarray(self._actions[rows][:, actions]),
            jnp.asarray(np.where(missing, 1.0, self._level), jnp.float32),
        )
