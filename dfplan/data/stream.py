"""WindowStream: batches of windows read from shards on disk, the same as those from memory.

Windows are drawn on the device, for many steps at once, and their rows are read by Grain's threads
ahead of the training. Threads are enough: reading rows copies memory and waits for the disk, both
of which run beside Python. The order of the windows is random over the whole dataset, as each is
drawn by number; there is no shuffle buffer.
"""

import functools
from collections.abc import Callable, Generator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.data.draw import EpisodeIndex, WindowDraw, draw_batch, locate_rows
from dfplan.data.shards.read import ShardedTrajectories
from dfplan.data.training_arrays import Rest, WindowValues, check_stride
from dfplan.data.windows import Batch, assemble, step_keys
from dfplan.representation.config import DataConfig
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, UserError
from dfplan.util.optional import import_optional

DRAWN_STEPS = 64
"""Steps whose windows are drawn in one call."""
RELEASE_STEPS = 64
"""Steps after which pages that have been read are given back to the system."""
MAX_ROWS = 2**31 - 1
"""Largest row number of JAX's 32-bit integers."""
AHEAD = 4
"""Batches that each thread may read ahead."""


class RawBatch(NamedTuple):
    """A batch as it comes from disk.

    Attributes:
        draw: Windows.
        values: Values of their rows, SI units.
    """

    draw: WindowDraw
    values: WindowValues


class Scale(NamedTuple):
    """Normalizers of a raw batch.

    Attributes:
        states: Normalizer of states.
        actions: Normalizer of actions.
    """

    states: Normalizer
    actions: Normalizer


class WindowStream:
    """Batches of a dataset on disk, each a pure function of (seed, step).

    Args:
        data: Dataset.
        layout: Token layout.
        config: Data settings without those of `DataConfig.needs_memory`.
        scale: Normalizers.
        batch: Number of windows of a batch.
        seed: PRNG seed of the batches.

    Raises:
        UserError: If Grain is not installed, every episode has fewer steps than a token, or the
            dataset has too many rows.
    """

    def __init__(
        self,
        data: ShardedTrajectories,
        layout: TokenLayout,
        *,
        config: DataConfig,
        scale: Scale,
        batch: int,
        seed: int,
    ):
        assert not config.needs_memory
        check_stride(data, config.stride)
        if len(data.state) + config.stride * config.tokens > MAX_ROWS:
            raise UserError(
                f"{data.dataset_id} has {len(data.state):,} rows; valid with data.source stream: "
                f"up to {MAX_ROWS - config.stride * config.tokens:,}"
            )
        self._grain = import_optional("grain", "scale", "data.source stream")
        self.data = data
        self.scale = scale
        self._layout = layout
        self._config = config
        self._batch = batch
        self._seed = seed
        self._index = EpisodeIndex.create(data.start, data.length, config.stride)
        self._drawn = functools.lru_cache(maxsize=4)(self._draw_block)

    def read(self, step: int, shard: slice = slice(None)) -> RawBatch:
        """Return the batch of a step.

        Args:
            step: Training step.
            shard: Windows of the batch to read.
        """
        block, number = divmod(step, DRAWN_STEPS)
        drawn = self._drawn(block)
        draw = WindowDraw(*(None if x is None else x[number][shard] for x in drawn))
        rows = locate_rows(draw, self._layout, self._config, np)
        state = self.data.state.take
        action = self.data.action.take
        values = WindowValues(
            frames=state(rows.frames),
            actions=None if rows.actions is None else action(rows.actions),
            state=state(rows.state),
            action=action(rows.state),
            next_state=state(rows.next_state),
            goal=None if rows.goal is None else state(rows.goal),
        )
        if step % RELEASE_STEPS == 0:
            self.data.state.release()
            self.data.action.release()
        return RawBatch(draw, values)

    def batches(self, first: int, end: int, shard: slice = slice(None)) -> Generator[RawBatch]:
        """Yield the batches of the steps from `first` to before `end`, read ahead by threads.

        Args:
            first: First step.
            end: Step after the last one.
            shard: Windows of each batch to read.
        """
        options = self._grain.ReadOptions(
            num_threads=self._config.threads, prefetch_buffer_size=AHEAD * self._config.threads
        )
        steps = self._grain.MapDataset.range(first, end).map(
            functools.partial(self.read, shard=shard)
        )
        yield from steps.to_iter_dataset(options)

    def example(self) -> RawBatch:
        """Return a batch of zeros, which has the shapes of all batches."""
        state = self._array(self.data.state.columns)
        action = self._array(self.data.action.columns)
        config = self._config
        row = np.zeros(self._batch, np.int32)
        goal = row if self._layout.goal_dims else None
        draw = WindowDraw(begin=row, origin=row, first=row, last=row, gap=row, goal=goal)
        return RawBatch(
            draw,
            WindowValues(
                frames=state(config.tokens, self._layout.frame_count),
                actions=action(config.tokens, config.stride) if config.actions else None,
                state=state(),
                action=action(),
                next_state=state(),
                goal=None if goal is None else state(),
            ),
        )

    def _array(self, columns: int) -> Callable[..., np.ndarray]:
        def zeros(*middle: int) -> np.ndarray:
            return np.zeros((self._batch, *middle, columns), np.float32)

        return zeros

    def _draw_block(self, block: int) -> WindowDraw:
        draws = _draw_steps(
            self._index,
            jnp.int32(block * DRAWN_STEPS),
            seed=self._seed,
            layout=self._layout,
            config=self._config,
            batch=self._batch,
        )
        return jax.tree.map(np.asarray, draws)


@functools.partial(jax.jit, static_argnames=("seed", "layout", "config", "batch"))
def _draw_steps(
    index: EpisodeIndex,
    first: Array,
    *,
    seed: int,
    layout: TokenLayout,
    config: DataConfig,
    batch: int,
) -> WindowDraw:
    """Return the windows of `DRAWN_STEPS` steps, stacked."""

    def draw(step: Array) -> WindowDraw:
        key, _ = step_keys(seed, step)
        return draw_batch(key, index, layout, config=config, batch=batch)

    return jax.lax.map(draw, first + jnp.arange(DRAWN_STEPS, dtype=jnp.int32))


def make_batch(raw: RawBatch, scale: Scale, layout: TokenLayout, config: DataConfig) -> Batch:
    """Return the tokens of a batch from disk.

    Args:
        raw: Batch.
        scale: Normalizers.
        layout: Token layout.
        config: Data settings.
    """
    values = raw.values
    states = scale.states
    actions = scale.actions
    normalized = WindowValues(
        frames=_encode(states, values.frames),
        actions=None if values.actions is None else _encode(actions, values.actions),
        state=_encode(states, values.state),
        action=_encode(actions, values.action),
        next_state=_encode(states, values.next_state),
        goal=None if values.goal is None else _encode(states, values.goal),
    )
    rest = Rest.encode(scale.states, scale.actions)
    return assemble(raw.draw, normalized, rest, layout=layout, config=config)


def _encode(normalizer: Normalizer, values: Array) -> Array:
    """Return normalized values, rounded as if the whole dataset were normalized at once.

    XLA divides many rows by multiplying with a reciprocal, and a single row by a division.
    """
    if values.shape[0] > 1:
        return normalizer.encode(values)
    return normalizer.encode(jnp.concatenate([values, values]))[:1]
