import signal
import subprocess
from pathlib import Path

import pytest

from .conftest import SETTINGS
from .test_main import PROGRAM


@pytest.mark.slow
def test_interrupted_training_saves_says_how_to_go_on_and_goes_on(dfplan, run):
    settings = {**SETTINGS, "training.steps": 1_000_000}
    options = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    begun = interrupt(["pointmaze-umaze", "--out", "a run", *options], signal.SIGINT)
    assert begun >= 5
    assert f"step {begun} of 1000000" in dfplan("info", "a run").out
    resumed = interrupt(["--out", "a run", "--resume"], signal.SIGTERM)
    assert resumed >= begun + 5
    assert f"step {resumed} of 1000000" in dfplan("info", "a run").out


def interrupt(args, number):
    """Train until something is logged; returns the step that it is interrupted at."""
    # The log lines are a tenth of the run apart, so it is the log of metrics that shows progress.
    log = Path("a run", "metrics.jsonl")
    logged = log.stat().st_size if log.exists() else 0
    process = subprocess.Popen(
        [*PROGRAM, "train", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell has put in the background ignores SIGINT, and so would this process.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    try:
        wait_for(lambda: log.exists() and log.stat().st_size > logged, process)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.count("\n") == 1
    assert err.startswith("dfplan: interrupted; saved at step ")
    assert err.endswith("go on with: dfplan train --out 'a run' --resume\n")
    return int(err.split("step ")[1].split(";")[0])


def wait_for(happened, process):
    while process.poll() is None:
        if happened():
            return
        try:
            process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
    pytest.fail(f"it ended: {process.communicate()[1]}")
