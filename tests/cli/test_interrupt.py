import os
import signal
import subprocess

import pytest

from .conftest import SETTINGS
from .test_main import PROGRAM


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_training_saves_says_how_to_go_on_and_goes_on(dfplan, run, number):
    settings = {**SETTINGS, "training.steps": 1_000_000}
    options = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    args = ["train", "pointmaze-umaze", "--out", "a run", *options]
    # The log lines are a tenth of the run apart, so it is the log of metrics that shows progress.
    process = subprocess.Popen(
        [*PROGRAM, *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell has put in the background ignores SIGINT, and so would this process.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    try:
        wait_for(os.path.join("a run", "metrics.jsonl"), process)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.count("\n") == 1
    assert err.startswith("dfplan: interrupted; saved at step ")
    step = int(err.split("step ")[1].split(";")[0])
    assert step >= 5
    assert err.endswith("go on with: dfplan train --out 'a run' --resume\n")
    assert f"step {step} of 1000000" in dfplan("info", "a run").out
    assert dfplan("train", "--out", "a run", "--resume", "--until", step + 5).code == 0
    assert f"step {step + 5} of 1000000" in dfplan("info", "a run").out


def wait_for(path, process):
    while process.poll() is None:
        if os.path.exists(path) and os.path.getsize(path):
            return
        try:
            process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
    pytest.fail(f"it ended: {process.communicate()[1]}")
