"""HistoryBuffer: the last control steps of a batch of robots, and the history tokens cut from them.

All functions are pure and take NumPy arrays or, with `xp=jax.numpy`, JAX arrays.
"""

from types import ModuleType
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from dfplan.planner.plan import History
from dfplan.representation.tokens import TokenLayout
from dfplan.types import XpArray

BEFORE_EPISODE = -1
"""Age of a robot that has not been observed in its episode yet."""


class HistoryBuffer(NamedTuple):
    """The last control steps of `B` robots, as far back as a plan looks; the latest row last.

    Attributes:
        states: `[B, R, S]` observed states, SI units.
        levels: `[B, R]` noise level declared for each state.
        actions: `[B, Q, A]` actions, SI units; the last one led to the last state.
        age: `[B]` control steps from the episode's first observation to the latest one;
            `BEFORE_EPISODE` before the first.
    """

    states: Float[XpArray, "B R S"]
    levels: Float[XpArray, "B R"]
    actions: Float[XpArray, "B Q A"]
    age: Int[XpArray, "B"]


def init_history(
    layout: TokenLayout, tokens: int, batch: int, xp: ModuleType = np
) -> HistoryBuffer:
    """Return the buffer of robots that have not been observed yet.

    Args:
        layout: Token layout.
        tokens: History tokens of a plan, H, including the present.
        batch: Number of robots.
        xp: `numpy` or `jax.numpy`.
    """
    back = (tokens - 1) * layout.stride
    rows = back + layout.frame_count
    return HistoryBuffer(
        states=xp.zeros((batch, rows, layout.state_dim), np.float32),
        levels=xp.zeros((batch, rows), np.float32),
        actions=xp.zeros((batch, back + layout.stride, layout.action_dim), np.float32),
        age=xp.full(batch, BEFORE_EPISODE),
    )


def reset_history(
    buffer: HistoryBuffer, mask: Bool[XpArray, "B"], xp: ModuleType = np
) -> HistoryBuffer:
    """Return the buffer with new episodes for the robots in `mask`."""
    return buffer._replace(
        actions=xp.where(mask[:, None, None], np.float32(0), buffer.actions),
        age=xp.where(mask, BEFORE_EPISODE, buffer.age),
    )


def record_state(
    buffer: HistoryBuffer,
    state: Float[XpArray, "B S"],
    level: Float[XpArray, "B"] | float,
    xp: ModuleType = np,
) -> HistoryBuffer:
    """Return the buffer after the present states.

    Args:
        buffer: History so far.
        state: Present states, SI units.
        level: Noise level declared for them, one for all robots or one per robot.
        xp: `numpy` or `jax.numpy`.
    """
    state = xp.asarray(state, dtype=np.float32)
    declared = xp.broadcast_to(xp.asarray(level, dtype=np.float32), len(state))
    states = _push(buffer.states, state, xp)
    levels = _push(buffer.levels, declared, xp)
    # Nothing precedes an episode's first step; as in training, its state repeats there.
    first = buffer.age < 0
    if xp is not np or first.any():
        states = xp.where(first[:, None, None], state[:, None], states)
        levels = xp.where(first[:, None], declared[:, None], levels)
    return buffer._replace(states=states, levels=levels, age=buffer.age + 1)


def record_action(
    buffer: HistoryBuffer, action: Float[XpArray, "B A"], xp: ModuleType = np
) -> HistoryBuffer:
    """Return the buffer after the actions that follow the present states."""
    action = xp.asarray(action, dtype=np.float32)
    return buffer._replace(actions=_push(buffer.actions, action, xp))


def record_steps(
    buffer: HistoryBuffer,
    states: Float[np.ndarray, "B k S"],
    actions: Float[np.ndarray, "B k A"],
    level: float,
) -> HistoryBuffer:
    """Return the buffer after `k` control steps of robots that have been observed before; in NumPy.

    Args:
        buffer: History so far.
        states: States, SI units.
        actions: Actions that follow the states.
        level: Noise level declared for the states.
    """
    batch, steps, _ = states.shape

    def extend(rows: np.ndarray, new: np.ndarray) -> np.ndarray:
        return np.concatenate([rows, new.astype(np.float32)], axis=1)[:, steps:]

    return HistoryBuffer(
        states=extend(buffer.states, states),
        levels=extend(buffer.levels, np.full((batch, steps), level)),
        actions=extend(buffer.actions, actions),
        age=buffer.age + steps,
    )


def history_tokens(
    layout: TokenLayout, tokens: int, buffer: HistoryBuffer, xp: ModuleType = np
) -> History:
    """Return the history tokens that end at the present; those before the episode are missing.

    A token is as noisy as the noisiest of its frames.

    Args:
        layout: Token layout.
        tokens: History tokens, H.
        buffer: Observed control steps.
        xp: `numpy` or `jax.numpy`.
    """
    steps = np.arange(1 - tokens, 1) * layout.stride
    frame_rows = steps[:, None] + np.arange(-layout.frame_count, 0)
    action_rows = steps[:, None] + np.arange(-layout.stride, 0)
    level = buffer.levels[:, frame_rows].max(axis=-1)
    is_missing = buffer.age[:, None] + steps < 0
    return History(
        frames=buffer.states[:, frame_rows],
        actions=buffer.actions[:, action_rows],
        level=xp.where(is_missing, np.float32(1), level),
    )


def _push(rows: XpArray, new: XpArray, xp: ModuleType) -> XpArray:
    """Drop the oldest row and append a new one."""
    return xp.concatenate([rows[:, 1:], new[:, None]], axis=1)
