"""The training loop: the only place where training has side effects."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import jax.numpy as jnp

from dfplan.data.stream import WindowStream
from dfplan.data.windows import TrainingArrays
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.metrics import MetricLog
from dfplan.training.step import TrainSpec, TrainState, init_state, train_until
from dfplan.training.streamed import StreamedTraining, check_streamed
from dfplan.types import PyTree, UserError
from dfplan.training.wandb_log import WandbLog
from dfplan.util.interrupts import deferred_interrupts

Report = Callable[[int, dict[str, float]], None]
Log = MetricLog | WandbLog
TrainingSource = TrainingArrays | WindowStream
"""Training data in memory or on disk; both give the same batches."""
Advance = Callable[[TrainState, int], tuple[TrainState, PyTree]]
"""Function that trains a state up to a step, and returns it and the metrics' means."""


def fit(
    spec: TrainSpec,
    source: TrainingSource,
    directory: Path,
    *,
    stop_step: int | None = None,
    report: Report | None = None,
) -> TrainState:
    """Train from the newest checkpoint in `directory`, or from scratch, saving checkpoints.

    An interrupted run saves before it ends. Calling this again resumes it, with bit-identical
    results on the same machine: the batch of step i depends only on (seed, i).

    Args:
        spec: What to train.
        source: Training data.
        directory: Run directory; gets checkpoints/, metrics.jsonl, tensorboard/, and wandb/ if
            `training.wandb` is set.
        stop_step: Step at which to stop, with a checkpoint; the learning-rate schedule remains that
            of the whole run.
        report: Called with the step and its metrics after every `log_every` steps.

    Raises:
        UserError: If the loss or the gradient is no longer finite (the last checkpoint stays), the
            checkpoint to resume from is damaged, or W&B cannot start a run.
        KeyboardInterrupt: On Ctrl-C, SIGTERM or SIGHUP, after a checkpoint has been written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    end = spec.training.steps if stop_step is None else min(stop_step, spec.training.steps)
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(CheckpointStore(directory / "checkpoints"))
        if store.latest() is None:
            state = init_state(spec)
        else:
            state = store.load_state(jax.eval_shape(lambda: init_state(spec)))
        metric_log = MetricLog(directory, int(state.step))
        stack.callback(metric_log.close)
        logs: list[Log] = [metric_log]
        if spec.training.wandb:
            settings = {
                name: dataclasses.asdict(section) for name, section in spec._asdict().items()
            }
            wandb_log = WandbLog(spec.training.wandb, directory, settings)
            stack.callback(wandb_log.close)
            logs.append(wandb_log)
        return _train(
            spec=spec,
            advance=stack.enter_context(_advancing(spec, source, int(state.step), end)),
            state=state,
            end=end,
            store=store,
            logs=logs,
            report=report,
        )


@contextlib.contextmanager
def _advancing(spec: TrainSpec, source: TrainingSource, first: int, end: int) -> Iterator[Advance]:
    """Yield the function that trains on a source, from step `first` to at most `end`."""
    if isinstance(source, WindowStream):
        with StreamedTraining(spec, source, first, end) as training:
            yield training.advance
        return

    def advance(state: TrainState, stop: int) -> tuple[TrainState, PyTree]:
        return train_until(spec, source, state, jnp.int32(stop))

    yield advance


def check_trainable(spec: TrainSpec, source: TrainingSource) -> None:
    """Trace a training step, so that settings that do not work are refused before training starts.

    Raises:
        UserError: If the settings do not fit each other or the data.
    """
    state = jax.eval_shape(lambda: init_state(spec))
    if isinstance(source, WindowStream):
        check_streamed(spec, source, state)
    else:
        train_until.eval_shape(spec, source, state, jnp.int32(1))


def _train(
    spec: TrainSpec,
    advance: Advance,
    state: TrainState,
    end: int,
    store: CheckpointStore,
    logs: list[Log],
    report: Report | None,
) -> TrainState:
    config = spec.training
    step = int(state.step)
    with deferred_interrupts() as get_interrupt:
        while step < end:
            start_time = time.perf_counter()
            start_step = step
            step = _next_stop(step, end, config.log_every, config.save_every)
            state, metrics = advance(state, step)
            scalars = {name: float(value) for name, value in metrics.items()}
            # Also the gradient: if it is not finite, the state is ruined, though the loss was fine.
            if not all(map(math.isfinite, scalars.values())):
                raise _diverged(step, store)
            seconds = time.perf_counter() - start_time
            scalars["tokens_per_second"] = spec.tokens_per_step * (step - start_step) / seconds
            for log in logs:
                log.write(step, scalars)
            if report is not None:
                report(step, scalars)
            interrupt = get_interrupt()
            if step % config.save_every == 0 or step == end or interrupt:
                store.save(state)
            if interrupt:
                raise interrupt
    return state


def _next_stop(step: int, end: int, *periods: int) -> int:
    """Return the next step at which to log, save or end."""
    return min(end, *((step // period + 1) * period for period in periods))


def _diverged(step: int, store: CheckpointStore) -> UserError:
    """Return the error for a loss or gradient that is not finite."""
    last = store.latest()
    saved = f"the checkpoint of step {last} is kept" if last else "no checkpoint was written yet"
    return UserError(
        f"the loss is not finite at step {step}; {saved}; "
        "try a lower training.optimizer.learning_rate"
    )
