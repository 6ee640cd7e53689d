"""An interrupted `dfplan train` saves its state and resumes."""

import os
import signal
import threading
from pathlib import Path

import pytest

from .conftest import SETTINGS

LOG = Path("a run", "metrics.jsonl")


@pytest.mark.usefixtures("default_signals")
def test_interrupted_training_is_saved_and_resumes(dfplan, run):
    settings = {**SETTINGS, "training.steps": 1_000_000}
    options = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
    train = ["pointmaze-umaze", "--out", "a run", *options]
    interrupted = interrupt(dfplan, train, signal.SIGINT)
    assert interrupted >= 5
    assert f"step {interrupted} of 1000000" in dfplan("info", "a run").out
    resumed = interrupt(dfplan, ["--out", "a run", "--resume"], signal.SIGHUP)
    assert resumed >= interrupted + 5
    assert f"step {resumed} of 1000000" in dfplan("info", "a run").out


def interrupt(dfplan, args, number):
    """Train until something is logged, send the signal, and return the step that was saved."""
    # A progress line is printed only after a tenth of the run, so the log of metrics is watched.
    logged = LOG.stat().st_size if LOG.exists() else 0
    finished = threading.Event()

    def send_signal():
        while not finished.wait(0.1):
            if LOG.exists() and LOG.stat().st_size > logged:
                os.kill(os.getpid(), number)
                return

    sender = threading.Thread(target=send_signal)
    sender.start()
    try:
        done = dfplan("train", *args)
    finally:
        finished.set()
        sender.join()
    assert done.code == 128 + number
    assert done.err.count("\n") == 1
    assert done.err.startswith("dfplan: interrupted; saved at step ")
    assert done.err.endswith("dfplan train --out 'a run' --resume\n")
    return int(done.err.split("step ")[1].split(";")[0])
