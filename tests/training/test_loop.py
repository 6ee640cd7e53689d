"""Interrupted runs resume with bit-identical results."""

import json
import os
import signal
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.runs.fit import fit_run
from dfplan.tasks.registry import Task
from dfplan.training import loop
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.loop import fit
from dfplan.training.step import init_state, train_until
from dfplan.types import UserError
from dfplan.util.interrupts import Interrupted, exit_code

from .events import scalars

STOPS = [2, 3, 4, 6, 7]  # of 7 steps: multiples of 2 and 3, and the last


@pytest.fixture
def handlers():
    """Install Python's default handlers, whatever this process was started with."""
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def latest(directory):
    with CheckpointStore(directory / "checkpoints") as store:
        return store.latest()


def logged(directory):
    return [json.loads(x)["step"] for x in (directory / "metrics.jsonl").read_text().splitlines()]


def at(step, act):
    """Return a report callback that calls `act` at one step."""

    def report(current, metrics):
        if current == step:
            act()

    return report


def crash():
    raise RuntimeError("crash")


def test_stops_reports_and_files(spec, training_arrays, tmp_path, straight, same_bits):
    reports = []
    state = fit(
        spec,
        training_arrays,
        tmp_path / "new",
        stop_step=7,
        report=lambda step, metrics: reports.append((step, metrics)),
    )
    same_bits(state, straight[1])
    assert int(state.step) == 7 and latest(tmp_path / "new") == 7
    assert [step for step, _ in reports] == STOPS == logged(tmp_path / "new")
    assert set(reports[0][1]) == {"loss", "inverse_loss", "grad_norm", "tokens_per_second"}
    shown = scalars(tmp_path / "new" / "tensorboard")
    expected = [(name, s, pytest.approx(v)) for s, m in reports for name, v in m.items()]
    assert sorted(shown) == sorted(expected, key=lambda e: e[:2])


@pytest.mark.parametrize("stop", [2, 3, 5])
def test_resumed_run_equals_an_uninterrupted_one(
    spec, training_arrays, tmp_path, straight, same_bits, stop
):
    state = fit(spec, training_arrays, tmp_path, stop_step=stop)
    assert int(state.step) == stop == latest(tmp_path)
    same_bits(fit(spec, training_arrays, tmp_path, stop_step=7), straight[1])
    assert logged(tmp_path) == sorted({*STOPS, stop})


def test_a_finished_or_empty_run_does_not_change(spec, training_arrays, tmp_path, same_bits):
    empty = fit(spec, training_arrays, tmp_path, stop_step=0)
    same_bits(empty, init_state(spec))
    assert latest(tmp_path) is None
    finished = fit(spec, training_arrays, tmp_path, stop_step=2)
    same_bits(fit(spec, training_arrays, tmp_path, stop_step=2), finished)
    same_bits(fit(spec, training_arrays, tmp_path, stop_step=1), finished)


def test_one_compilation_for_runs_of_any_length(spec, training_arrays, tmp_path, straight):
    fit(spec, training_arrays, tmp_path, stop_step=1)  # other tests may have emptied the cache
    before = train_until._cache_size()
    for stop in (5, 9):
        fit(spec, training_arrays, tmp_path, stop_step=stop)
    assert train_until._cache_size() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=["int", "hup"])
def test_signal_saves_and_stops(
    spec, training_arrays, tmp_path, straight, same_bits, handlers, number
):
    with pytest.raises(Interrupted) as interrupt:
        fit(
            spec,
            training_arrays,
            tmp_path,
            stop_step=7,
            report=at(4, lambda: os.kill(os.getpid(), number)),
        )
    assert exit_code(interrupt.value) == 128 + number
    assert latest(tmp_path) == 4 and logged(tmp_path) == [2, 3, 4]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    same_bits(fit(spec, training_arrays, tmp_path, stop_step=7), straight[1])
    assert logged(tmp_path) == STOPS


def test_a_signal_at_the_last_step_is_not_lost(spec, training_arrays, tmp_path, handlers, straight):
    stop = at(2, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        fit(spec, training_arrays, tmp_path, stop_step=2, report=stop)
    assert latest(tmp_path) == 2


def test_steps_lost_in_a_crash_between_checkpoints_are_trained_again(
    spec, training_arrays, tmp_path, straight, same_bits
):
    with pytest.raises(RuntimeError, match="crash"):
        fit(spec, training_arrays, tmp_path, stop_step=7, report=at(2, crash))
    assert latest(tmp_path) is None and logged(tmp_path) == [2]
    with pytest.raises(RuntimeError, match="crash"):
        fit(spec, training_arrays, tmp_path, stop_step=7, report=at(6, crash))
    assert latest(tmp_path) == 3 and logged(tmp_path) == [2, 3, 4, 6]
    same_bits(fit(spec, training_arrays, tmp_path, stop_step=7), straight[1])
    assert logged(tmp_path) == STOPS
    losses = [step for tag, step, _ in scalars(tmp_path / "tensorboard") if tag == "loss"]
    assert losses == STOPS


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from dfplan.data.trajectories import from_episodes
from dfplan.data.training_arrays import make_training_arrays
from dfplan.runs.run import Run
from dfplan.training.loop import fit
from dfplan.training.step import TrainSpec

out = Path(sys.argv[1])
run = Run.load(out)
arrays = np.load(out / "data.npz")
data = from_episodes(list(arrays["states"]), list(arrays["actions"]), run.layout, "tiny-v0")
training_arrays = make_training_arrays(data, run.config.data, run.states, run.actions)
spec = TrainSpec(run.model, run.config.data, run.config.training)
kill = lambda step, metrics: step == 4 and os.kill(os.getpid(), signal.SIGKILL)
fit(spec, training_arrays, out, report=kill)
"""


@pytest.mark.slow
def test_killed_process_leaves_a_run_that_resumes(
    spec, training_arrays, tiny_data, tiny_config, tmp_path, straight, same_bits
):
    fit_run(Task("env-v0", "tiny-v0"), tiny_config, tiny_data).save(tmp_path)
    shape = len(tiny_data.start), int(tiny_data.length[0]), -1
    np.savez(
        tmp_path / "data.npz",
        states=tiny_data.state.reshape(shape),
        actions=tiny_data.action.reshape(shape),
    )
    process = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path], capture_output=True, text=True
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert latest(tmp_path) in (None, 3) and logged(tmp_path)[:3] == [2, 3, 4]
    same_bits(fit(spec, training_arrays, tmp_path, stop_step=7), straight[1])
    assert logged(tmp_path) == STOPS


def test_a_loss_that_is_not_finite_stops_training(spec, training_arrays, tmp_path):
    broken = training_arrays._replace(state=training_arrays.state * jnp.nan)
    with pytest.raises(UserError, match=r"not finite at step 2; no checkpoint was written"):
        fit(spec, broken, tmp_path)
    good = fit(spec, training_arrays, tmp_path, stop_step=3)
    with pytest.raises(UserError, match=r"at step 4; the checkpoint of step 3 is kept") as error:
        fit(spec, broken, tmp_path)
    assert "\n" not in str(error.value)
    assert latest(tmp_path) == 3 and logged(tmp_path) == [2, 3]
    assert int(good.step) == 3


def test_a_gradient_that_is_not_finite_is_not_saved(
    spec, training_arrays, tmp_path, monkeypatch, straight
):
    def diverging(*args):
        state, metrics = train_until(*args)
        return state, metrics | {"grad_norm": jnp.inf}

    fit(spec, training_arrays, tmp_path, stop_step=2)
    monkeypatch.setattr(loop, "train_until", diverging)
    with pytest.raises(UserError, match="step 3; the checkpoint of step 2 is kept"):
        fit(spec, training_arrays, tmp_path, stop_step=7)
    assert latest(tmp_path) == 2
