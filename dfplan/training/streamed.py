"""Training on batches that are read from disk ahead of the training."""

import functools
from types import TracebackType
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.data.stream import RawBatch, Scale, WindowStream, make_batch
from dfplan.data.windows import step_keys
from dfplan.training.sharding import place_rows, process_rows, replicate, shard_batch
from dfplan.training.step import TrainSpec, TrainState, learn, zero_metrics
from dfplan.types import Array, PyTree

STEPS_PER_CALL = 16
"""Steps of one call of the compiled program.

Each call allocates the program's memory again, which on a CPU takes a third of a step's time.
"""


class StreamedTraining:
    """Trains on batches from disk, up to a last step; a context manager.

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
        for step in range(first, stop, STEPS_PER_CALL):
            count = min(STEPS_PER_CALL, stop - step)
            raws = stack([next(self._batches) for _ in range(count)])
            raws = place_rows(self._spec.mesh, raws)
            state, total = learn_streamed(
                self._spec, self._scale, state, total, raws, np.int32(count)
            )
        count = jnp.float32(max(stop - first, 1))
        return state, jax.tree.map(lambda t: t / count, total)


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
