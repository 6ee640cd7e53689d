"""Training on batches that are read from disk ahead of the training."""

import contextlib
import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.data.stream import RawBatch, Scale, WindowStream, make_batch
from dfplan.data.windows import step_keys
from dfplan.training.sharding import place_rows, process_rows, replicate, shard_batch
from dfplan.training.step import TrainSpec, TrainState, learn, zero_metrics
from dfplan.types import Array, PyTree

Advance = Callable[[TrainState, int], tuple[TrainState, PyTree]]
"""Function that trains a state up to a step, and returns it and the metrics' means."""
STEPS_PER_CALL = 16
"""Steps of one call of the compiled program.

Each call allocates the program's memory again, which on a CPU takes a third of a step's time.
"""


@contextlib.contextmanager
def streamed(spec: TrainSpec, stream: WindowStream, first: int, end: int) -> Iterator[Advance]:
    """Yield the function that trains on batches from disk.

    Args:
        spec: What to train.
        stream: Batches.
        first: First step.
        end: Step to stop reading at.
    """
    scale = replicate(spec.mesh, stream.scale)
    rows = process_rows(spec.mesh, spec.training.batch_size)

    def advance(state: TrainState, stop: int) -> tuple[TrainState, PyTree]:
        start = int(state.step)
        total = replicate(spec.mesh, zero_metrics())
        for step in range(start, stop, STEPS_PER_CALL):
            count = min(STEPS_PER_CALL, stop - step)
            raws = place_rows(spec.mesh, stack([next(batches) for _ in range(count)]))
            state, total = learn_streamed(spec, scale, state, total, raws, np.int32(count))
        count = jnp.float32(max(stop - start, 1))
        return state, jax.tree.map(lambda t: t / count, total)

    with contextlib.closing(stream.batches(first, end, rows)) as batches:
        yield advance


def stack(raws: list[RawBatch]) -> RawBatch:
    """Return the batches of up to `STEPS_PER_CALL` steps, `[B, STEPS_PER_CALL, ...]`, padded."""
    padding = [raws[-1]] * (STEPS_PER_CALL - len(raws))
    return jax.tree.map(lambda *leaves: np.stack(leaves, axis=1), *raws, *padding)


@functools.partial(jax.jit, static_argnums=0, donate_argnums=(2, 3))
def learn_streamed(
    spec: TrainSpec, scale: Scale, state: TrainState, total: PyTree, raws: RawBatch, count: Array
) -> tuple[TrainState, PyTree]:
    """Take optimizer steps on batches from disk, and add their metrics to `total`.

    Args:
        spec: What to train.
        scale: Normalizers.
        state: State before the steps.
        total: Metrics of earlier steps.
        raws: Batches of `stack`.
        count: Number of steps, at most `STEPS_PER_CALL`.
    """

    def body(carry: tuple[Array, TrainState, PyTree]) -> tuple[Array, TrainState, PyTree]:
        number, state, total = carry
        raw = jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, number, 1, False), raws)
        _, k_noise = step_keys(spec.training.seed, state.step)
        batch = shard_batch(spec.mesh, make_batch(raw, scale, spec.model.layout, spec.data))
        state, metrics = learn(spec, batch, state, k_noise)
        return number + 1, state, jax.tree.map(jnp.add, total, metrics)

    start = (jnp.int32(0), state, total)
    _, state, total = jax.lax.while_loop(lambda carry: carry[0] < count, body, start)
    return state, total


def check_streamed(spec: TrainSpec, stream: WindowStream, state: TrainState) -> None:
    """Trace a training step; see `dfplan.training.loop.check_trainable`."""
    metrics = jax.eval_shape(zero_metrics)
    raws = stack([stream.example()])
    learn_streamed.eval_shape(spec, stream.scale, state, metrics, raws, np.int32(1))
