"""An interrupted `dfplan train` saves its state and resumes."""

import signal
import subprocess
from pathlib import Path

import pytest

from .conftest import SETTINGS
from .test_main import PROGRAM


@pytest.mark.slow
def test_interrupted_training_is_saved_and_resumes(dfplan, run):
    settings = {**SETTINGS, "training.steps": 1_000_000}
    options = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
    interrupted = interrupt(["pointmaze-umaze", "--out", "a run", *options], signal.SIGINT)
    assert interrupted >= 5
    assert f"step {interrupted} of 1000000" in dfplan("info", "a run").out
    resumed = interrupt(["--out", "a run", "--resume"], signal.SIGHUP)
    assert resumed >= interrupted + 5
    assert f"step {resumed} of 1000000" in dfplan("info", "a run").out


def interrupt(args, number):
    """Train until something is logged, send the signal, and return the step that was saved."""
    # A progress line is printed only after a tenth of the run, so the log of metrics is watched.
    log = Path("a run", "metrics.jsonl")
    logged = log.stat().st_size if log.exists() else 0
    process = subprocess.Popen(
        [*PROGRAM, "train", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Background processes of a shell ignore SIGINT, and the child would inherit that.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    try:
        wait_for(lambda: log.exists() and log.stat().st_size > logged, process)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    assert err.count("\n") == 1
    assert err.startswith("dfplan: interrupted; saved at step ")
    assert err.endswith("dfplan train --out 'a run' --resume\n")
    return int(err.split("step ")[1].split(";")[0])


def wait_for(condition, process):
    while process.poll() is None:
        if condition():
            return
        try:
            process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
    pytest.fail(f"the process ended: {process.communicate()[1]}")
