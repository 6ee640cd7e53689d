"""Where the windows of a batch lie: the random part of a batch, a pure function of a key.

A batch is made in three steps: `draw_batch` draws, `locate_rows` lists the rows of the dataset
that the windows need, and `dfplan.data.windows.assemble` makes tokens of their values. The first
needs nothing but the episodes' boundaries, so that the values can come from the device or from
files, with the same result. A process that makes a part of a batch draws all of it and reads only
its own part.
"""

from types import ModuleType
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from dfplan.representation.config import DataConfig
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array


class WindowIndex(Protocol):
    """The rows of a dataset at which a window may begin."""

    @property
    def begins(self) -> Array | int:
        """Number of these rows."""
        ...

    def locate(self, number: Int[Array, "B"]) -> tuple[Array, Array, Array]:
        """Return the row of each number, and the first and last row of its episode; `[B]` int32."""
        ...


class RowIndex(NamedTuple):
    """An index with an entry per row, which is the fastest kind.

    Attributes:
        first: `[N]` int32, first row of each row's episode.
        last: `[N]` int32, last row of each row's episode.
        begin: `[M]` int32, rows at which a window may begin.
    """

    first: Int[Array, "N"]
    last: Int[Array, "N"]
    begin: Int[Array, "M"]

    @property
    def begins(self) -> int:
        """See `WindowIndex`."""
        return self.begin.shape[0]

    def locate(self, number: Int[Array, "B"]) -> tuple[Array, Array, Array]:
        """See `WindowIndex`."""
        row = self.begin[number]
        return row, self.first[row], self.last[row]


class EpisodeIndex(NamedTuple):
    """An index with an entry per episode, for datasets whose rows do not fit in memory.

    Attributes:
        first: `[E]` int32, first row of each episode in which a window may begin.
        last: `[E]` int32, last row of each such episode.
        before: `[E]` int32, number of rows in earlier episodes at which a window may begin.
        begins: Number of rows at which a window may begin, int32.
    """

    first: Int[Array, "E"]
    last: Int[Array, "E"]
    before: Int[Array, "E"]
    begins: Array

    @classmethod
    def create(cls, start: np.ndarray, length: np.ndarray, stride: int) -> "EpisodeIndex":
        """Return the index of episodes with these first rows and lengths.

        Args:
            start: `[E]` first row of each episode.
            length: `[E]` rows of each episode.
            stride: Control steps that follow the beginning of a window within its episode.
        """
        begin_count = np.maximum(length - stride, 0)
        is_used = begin_count > 0
        used = begin_count[is_used]
        first = start[is_used]
        return cls(
            first=jnp.asarray(first, jnp.int32),
            last=jnp.asarray(first + length[is_used] - 1, jnp.int32),
            before=jnp.asarray(np.cumsum(used) - used, jnp.int32),
            begins=jnp.asarray(used.sum(), jnp.int32),
        )

    def locate(self, number: Int[Array, "B"]) -> tuple[Array, Array, Array]:
        """See `WindowIndex`."""
        episode = jnp.searchsorted(self.before, number, side="right") - 1
        first = self.first[episode]
        return first + number - self.before[episode], first, self.last[episode]


class WindowDraw(NamedTuple):
    """The random choices of a batch; each `[B]` int32, of NumPy or JAX.

    Attributes:
        begin: Row at which each window begins, or the first of its episode if it begins earlier.
        origin: Row of the first token, which may lie before the episode.
        first: First row of the episode.
        last: Last row of the episode.
        gap: Control steps of the transition for the inverse dynamics.
        goal: Row of the hindsight goal; None unless goals are states.
    """

    begin: Any
    origin: Any
    first: Any
    last: Any
    gap: Any
    goal: Any


class WindowRows(NamedTuple):
    """Rows of the dataset that hold the values of a batch.

    Attributes:
        frames: `[B, T, F]`, states of each token.
        actions: `[B, T, stride]`, actions before each token; None if tokens hold none. Rows before
            the episode are replaced by its first one.
        state: `[B]`, state and action of the transition.
        next_state: `[B]`, the state after it.
        goal: `[B]`, or None.
    """

    frames: Any
    actions: Any
    state: Any
    next_state: Any
    goal: Any


def draw_batch(
    key: Array, index: WindowIndex, layout: TokenLayout, *, config: DataConfig, batch: int
) -> WindowDraw:
    """Draw `batch` windows; see `dfplan.data.windows.sample_batch`.

    Args:
        key: PRNG key.
        index: Rows at which a window may begin.
        layout: Token layout.
        config: Data settings.
        batch: Number of windows.
    """
    k_begin, k_goal, k_gap, k_start = jax.random.split(key, 4)
    number = jax.random.randint(k_begin, (batch,), 0, index.begins, dtype=jnp.int32)
    at_start = jax.random.uniform(k_start, (batch,), jnp.float32) < config.start_fraction
    begin, first, last = index.locate(number)
    begin = jnp.where(at_start, first, begin)
    origin = begin
    if config.before_start:
        max_steps = config.before_start * config.stride
        steps_before = jax.random.randint(
            jax.random.fold_in(k_start, 1), (batch,), 0, max_steps + 1, dtype=jnp.int32
        )
        origin = begin - jnp.where(at_start, steps_before, 0)
    goal = None
    if layout.goal_dims:
        goal = begin + _goal_distance(k_goal, last - begin, config)
    return WindowDraw(
        begin=begin,
        origin=origin,
        first=first,
        last=last,
        gap=draw_gap(k_gap, config, batch),
        goal=goal,
    )


def draw_gap(key: Array, config: DataConfig, batch: int) -> Int[Array, "B"]:
    """Draw the control steps of transitions; a window has at least a stride of steps."""
    return jax.random.randint(key, (batch,), 1, config.stride + 1, dtype=jnp.int32)


def _goal_distance(key: Array, available: Int[Array, "B"], config: DataConfig) -> Int[Array, "B"]:
    """Draw the number d of control steps to the goal with weight exp(-decay * d / horizon).

    From 1 to min(available, horizon), where `available` steps are left in the episode. The goal of
    a single move is the largest of these.
    """
    horizon = (config.goal_horizon or config.tokens) * config.stride
    max_steps = jnp.minimum(available, horizon)
    if config.single_moves:
        return max_steps
    u = jax.random.uniform(key, max_steps.shape, jnp.float32)
    fraction = u * max_steps / horizon
    if config.goal_decay > 0:
        mass = -jnp.expm1(-config.goal_decay * max_steps.astype(jnp.float32) / horizon)
        fraction = -jnp.log1p(-u * mass) / config.goal_decay
    # Rounding up keeps the exponential weights: each step has the same ratio to the one before.
    return jnp.clip(jnp.ceil(fraction * horizon).astype(jnp.int32), 1, max_steps)


def token_rows(draw: WindowDraw, config: DataConfig, xp: ModuleType = jnp) -> Any:
    """Return the row of each token, `[B, T]`, which may lie outside of the episode."""
    return draw.origin[:, None] + config.stride * xp.arange(config.tokens, dtype=np.int32)[None]


def frame_offsets(layout: TokenLayout, xp: ModuleType = jnp) -> Any:
    """Return the offsets `[1, 1, F]` of a token's frames from its row."""
    return xp.arange(1 - layout.frame_count, 1, dtype=np.int32)[None, None]


def action_rows(rows: Any, config: DataConfig, xp: ModuleType = jnp) -> Any:
    """Return the rows `[B, T, stride]` of the actions that led to each token's row."""
    return rows[..., None] + xp.arange(-config.stride, 0, dtype=np.int32)[None, None]


def locate_rows(
    draw: WindowDraw, layout: TokenLayout, config: DataConfig, xp: ModuleType = jnp
) -> WindowRows:
    """Return the rows that hold the values of a batch, each within its window's own episode.

    Args:
        draw: Windows.
        layout: Token layout.
        config: Data settings.
        xp: `numpy` or `jax.numpy`.
    """
    rows = token_rows(draw, config, xp)

    def within(rows: Any) -> Any:
        return xp.clip(rows, draw.first[:, None, None], draw.last[:, None, None])

    return WindowRows(
        frames=within(rows[..., None] + frame_offsets(layout, xp)),
        actions=within(action_rows(rows, config, xp)) if config.actions else None,
        state=draw.begin,
        next_state=draw.begin + draw.gap,
        goal=draw.goal,
    )
