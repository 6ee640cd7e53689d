"""Training on batches that are read from disk while earlier ones are learned from."""

import functools
from types import TracebackType
from typing import Self

import jax
import jax.numpy as jnp

from dfplan.data.stream import RawBatch, Scale, WindowStream, make_batch
from dfplan.data.windows import step_keys
from dfplan.training.sharding import place_rows, process_rows, replicate, shard_batch
from dfplan.training.step import TrainSpec, TrainState, learn, zero_metrics
from dfplan.types import PyTree


class StreamedTraining:
    """Training from one step to another; a context manager.

    Args:
        spec: What to train.
        stream: Batches.
        first: First step.
        end: Step to stop reading at.
    """

    def __init__(self, spec: TrainSpec, stream: WindowStream, first: int, end: int):
        self._spec = spec
        self._scale = replicate(spec.mesh, stream.scale)
        rows = process_rows(spec.mesh, spec.training.batch_size)
        self._batches = stream.batches(first, end, rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._batches.close()

    def advance(self, state: TrainState, stop: int) -> tuple[TrainState, PyTree]:
        """Train up to step `stop`; return the state, and the metrics' means over the steps."""
        first = int(state.step)
        total = replicate(self._spec.mesh, zero_metrics())
        for _ in range(first, stop):
            raw = place_rows(self._spec.mesh, next(self._batches))
            state, total = learn_streamed(self._spec, self._scale, state, total, raw)
        count = jnp.float32(max(stop - first, 1))
        return state, jax.tree.map(lambda t: t / count, total)


@functools.partial(jax.jit, static_argnums=0, donate_argnums=(2, 3))
def learn_streamed(
    spec: TrainSpec, scale: Scale, state: TrainState, total: PyTree, raw: RawBatch
) -> tuple[TrainState, PyTree]:
    """Take one optimizer step on a batch from disk, and add its metrics to `total`."""
    _, k_noise = step_keys(spec.training.seed, state.step)
    batch = shard_batch(spec.mesh, make_batch(raw, scale, spec.model.layout, spec.data))
    state, metrics = learn(spec, batch, state, k_noise)
    return state, jax.tree.map(jnp.add, total, metrics)


def check_streamed(spec: TrainSpec, stream: WindowStream, state: TrainState) -> None:
    """Trace a training step; see `dfplan.training.loop.check_trainable`."""
    metrics = jax.eval_shape(zero_metrics)
    learn_streamed.eval_shape(spec, stream.scale, state, metrics, stream.example())
