"""The training loop: the one place where training has side effects."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp

from dfplan.data.windows import TrainingArrays
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.interrupt import deferred_interrupts
from dfplan.training.metrics import MetricLog
from dfplan.training.step import TrainSpec, TrainState, init_state, train_until
from dfplan.training.wandb_log import WandbLog
from dfplan.types import UserError

Report = Callable[[int, dict[str, float]], None]
Log = MetricLog | WandbLog


def fit(
    spec: TrainSpec,
    training_arrays: TrainingArrays,
    directory: Path,
    *,
    stop_step: int | None = None,
    report: Report | None = None,
) -> TrainState:
    """Train from the newest checkpoint in `directory`, or from the start, and save as it goes.

    An interrupted run saves before it ends, and calling this again goes on to the same bits as if
    it had not been interrupted (on the same machine): the batch of step i depends on (seed, i)
    alone.

    Args:
        spec: what to train.
        training_arrays: what to train on.
        directory: of the run; gets checkpoints/, metrics.jsonl and tensorboard/, and with
            `training.wandb` wandb/.
        stop_step: stop, with a checkpoint, at this step; the schedule is the whole run's.
        report: called with the step and its metrics after every `log_every` steps.

    Raises:
        UserError: when the loss or the gradient is no longer finite (the last checkpoint stays), or
            the checkpoint to go on from is damaged, or W&B does not begin a run.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, after a checkpoint has been written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    end = spec.training.steps if stop_step is None else min(stop_step, spec.training.steps)
    with contextlib.ExitStack() as stack:
        store = CheckpointStore(directory / "checkpoints")
        stack.callback(store.close)
        if store.latest() is None:
            state = init_state(spec)
        else:
            state = store.load_state(jax.eval_shape(lambda: init_state(spec)))
        logs: list[Log] = [MetricLog(directory, int(state.step))]
        stack.callback(logs[0].close)
        if spec.training.wandb:
            settings = {name: dataclasses.asdict(part) for name, part in spec._asdict().items()}
            logs.append(WandbLog(spec.training.wandb, directory, settings))
            stack.callback(logs[-1].close)
        return _run(spec, training_arrays, state, end, store, logs, report)


def _run(
    spec: TrainSpec,
    training_arrays: TrainingArrays,
    state: TrainState,
    end: int,
    store: CheckpointStore,
    logs: list[Log],
    report: Report | None,
) -> TrainState:
    config, step = spec.training, int(state.step)
    with deferred_interrupts() as interrupted:
        while step < end:
            started, before = time.perf_counter(), step
            step = _next_stop(step, end, config.log_every, config.save_every)
            state, metrics = train_until(spec, training_arrays, state, jnp.int32(step))
            scalars = {name: float(value) for name, value in metrics.items()}
            # A gradient that is not finite has spoilt the state, though this loss came before it.
            if not all(map(math.isfinite, scalars.values())):
                raise _diverged(step, store)
            seconds = time.perf_counter() - started
            scalars["tokens_per_second"] = spec.tokens_per_step * (step - before) / seconds
            for log in logs:
                log.write(step, scalars)
            if report is not None:
                report(step, scalars)
            if step % config.save_every == 0 or step == end or interrupted():
                store.save(state)
            if interrupted():
                raise KeyboardInterrupt
    return state


def _next_stop(step: int, end: int, *periods: int) -> int:
    """The next step at which something is due."""
    return min(end, *((step // period + 1) * period for period in periods))


def _diverged(step: int, store: CheckpointStore) -> UserError:
    last = store.latest()
    kept = f"the checkpoint of step {last} is kept" if last else "no checkpoint was written yet"
    return UserError(
        f"the loss is not finite at step {step}; {kept}; "
        "try a lower training.optimizer.learning_rate"
    )
