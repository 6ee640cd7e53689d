"""The training loop: the only place where training has side effects."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dfplan.data.stream import WindowStream
from dfplan.data.training_arrays import TrainingArrays
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.metrics import MetricLog
from dfplan.training.sharding import describe, replicate
from dfplan.training.step import TrainSpec, TrainState, abstract_state, init_state, train_until
from dfplan.training.streamed import Advance, check_streamed, streamed
from dfplan.training.wandb_log import WandbLog
from dfplan.types import UserError
from dfplan.util.interrupts import Interrupted, deferred_interrupts
from dfplan.util.processes import is_leader, largest, others_needed

Report = Callable[[int, dict[str, float]], None]
Announce = Callable[[str], None]
Log = MetricLog | WandbLog
TrainingSource = TrainingArrays | WindowStream
"""Training data in memory or on disk; both give the same batches."""


def fit(
    spec: TrainSpec,
    source: TrainingSource,
    directory: Path,
    *,
    stop_step: int | None = None,
    report: Report | None = None,
    announce: Announce | None = None,
) -> TrainState:
    """Train from the newest checkpoint in `directory`, or from scratch, saving checkpoints.

    An interrupted run saves before it ends. Calling this again resumes it, with bit-identical
    results on the same devices: the batch of step i depends only on (seed, i), also on other
    devices. Of several processes, all call this, and process 0 logs.

    Args:
        spec: What to train, and the mesh to train on.
        source: Training data, in this process's memory or on disk.
        directory: Run directory; gets checkpoints/, metrics.jsonl, tensorboard/, and wandb/ if
            `training.wandb` is set.
        stop_step: Step at which to stop, with a checkpoint; the learning-rate schedule remains that
            of the whole run.
        report: Called with the step and its metrics after every `log_every` steps.
        announce: Called before the first step with a line about the mesh, if there is one.

    Raises:
        UserError: If the loss or the gradient is no longer finite (the last checkpoint stays), the
            checkpoint to resume from is damaged, W&B cannot start a run, or another process that
            trains this run has ended.
        KeyboardInterrupt: On Ctrl-C, SIGTERM or SIGHUP, after a checkpoint has been written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    end = spec.training.steps if stop_step is None else min(stop_step, spec.training.steps)
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(
            CheckpointStore(directory / "checkpoints", keep_period=spec.training.keep_period)
        )
        if store.latest() is None:
            state = init_state(spec)
        else:
            state = store.load_state(abstract_state(spec))
        if spec.mesh is not None and announce is not None:
            on_disk = isinstance(source, WindowStream)
            announce(describe(spec.mesh, state, spec.training.batch_size, streamed=on_disk))
        return _train(
            spec=spec,
            advance=stack.enter_context(_advancing(spec, source, int(state.step), end)),
            state=state,
            end=end,
            store=store,
            logs=_open_logs(spec, directory, int(state.step), stack) if is_leader() else [],
            report=report,
        )


def _open_logs(
    spec: TrainSpec, directory: Path, step: int, stack: contextlib.ExitStack
) -> list[Log]:
    """Return the logs of a run, which the stack closes."""
    metric_log = MetricLog(directory, step)
    stack.callback(metric_log.close)
    if not spec.training.wandb:
        return [metric_log]
    sections = {"model": spec.model, "data": spec.data, "training": spec.training}
    settings = {name: dataclasses.asdict(section) for name, section in sections.items()}
    wandb_log = WandbLog(spec.training.wandb, directory, settings)
    stack.callback(wandb_log.close)
    return [metric_log, wandb_log]


def _advancing(
    spec: TrainSpec, source: TrainingSource, first: int, end: int
) -> contextlib.AbstractContextManager[Advance]:
    """Return a context of the function that trains from step `first` to at most `end`."""
    if isinstance(source, WindowStream):
        return streamed(spec, source, first, end)
    arrays = replicate(spec.mesh, source)
    return contextlib.nullcontext(
        lambda state, stop: train_until(spec, arrays, state, np.int32(stop))
    )


def check_trainable(spec: TrainSpec, source: TrainingSource) -> None:
    """Trace a training step, so that settings that do not work are refused before training starts.

    Raises:
        UserError: If the settings do not fit each other or the data.
    """
    state = abstract_state(spec)
    if isinstance(source, WindowStream):
        check_streamed(spec, source, state)
    else:
        train_until.eval_shape(spec, source, state, np.int32(1))


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
    with deferred_interrupts() as get_interrupt, others_needed():
        while step < end:
            start_time = time.perf_counter()
            start_step = step
            step = _next_stop(step, end, config.log_every, config.save_every)
            state, metrics = advance(state, step)
            scalars = {name: float(value) for name, value in metrics.items()}
            # Also the gradient: if it is not finite, the state is ruined, though the loss was fine.
            if not all(map(math.isfinite, scalars.values())):
                store.wait()
                raise _diverged(step, store)
            seconds = time.perf_counter() - start_time
            scalars["tokens_per_second"] = spec.tokens_per_step * (step - start_step) / seconds
            for log in logs:
                log.write(step, scalars)
            if report is not None:
                report(step, scalars)
            # All processes end at the same step, whichever of them has received a signal.
            signal_number = largest(getattr(get_interrupt(), "number", 0))
            if step % config.save_every == 0 or step == end or signal_number:
                store.save(state)
            if signal_number:
                store.wait()
                raise Interrupted(signal_number)
        store.wait()  # while signals are still deferred
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
