"""Two processes train one run; one is killed, and the run is resumed on other devices."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from dfplan.cli import main
from dfplan.runs.run import checkpoints
from dfplan.training.checkpoint import CheckpointStore
from tests.conftest import XLA_FLAGS

PROGRAM = [sys.executable, "-c", "import sys; from dfplan.cli import main; sys.exit(main())"]
DATASET = "walk/two-v0"
SETTINGS = {
    "training.steps": 2000,
    "training.batch-size": 8,
    "training.log-every": 1,
    "training.save-every": 3,
    "training.optimizer.name": "adamw",
    "net.width": 64,  # the smallest with arrays that are large enough to shard
    "net.layers": 1,
    "net.heads": 2,
    "data.tokens": 4,
}
NO_TWO_STREAM = "--training.objective.no-two-stream"
MORE = 2
"""Steps to train after the last checkpoint."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a dataset, as the current directory."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").mkdir()
    rows = np.random.default_rng(0).normal(size=(300, 6)).cumsum(axis=0)
    ends = np.arange(300) % 30 == 29
    np.savez("walk.npz", observations=rows[:, :4], actions=rows[:, 4:], terminals=ends)
    assert main(["import", "walk.npz", "--dataset", DATASET]) == 0
    return tmp_path


def start(*args, devices, process=None):
    """Start `dfplan train`; `process` is (address, number of processes, number of this one)."""
    options = ("--coordinator-address", "--num-processes", "--process-id")
    joining = [text for pair in zip(options, process or (), strict=False) for text in pair]
    flags = (f"--xla_force_host_platform_device_count={devices}", *XLA_FLAGS)
    return subprocess.Popen(
        [*PROGRAM, "train", *map(str, (*args, *joining))],
        env={
            **os.environ,
            "XLA_FLAGS": " ".join(flags),
            "JAX_PLATFORMS": "cpu",
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_two(*args, devices):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    return [start(*args, devices=devices, process=(address, 2, index)) for index in range(2)]


def finish(*processes):
    outputs = [process.communicate(timeout=900) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), outputs


def latest(out):
    return CheckpointStore(checkpoints(out)).latest()


def kill_after_a_checkpoint(out, processes):
    """Kill process 1 with -9 once there is a checkpoint; then process 0, as a scheduler does."""
    deadline = time.monotonic() + 900
    while latest(out) in (None, 0):  # 0 is where the run begins
        assert processes[0].poll() is None, processes[0].communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGKILL)
    time.sleep(1)
    with contextlib.suppress(ProcessLookupError):
        processes[0].send_signal(signal.SIGKILL)
    return [process.communicate()[0] for process in processes]


def losses(out):
    records = map(json.loads, (Path(out) / "metrics.jsonl").read_text().splitlines())
    return {record["step"]: record["loss"] for record in records}


def from_disk():
    """Options to read windows from disk, if that is installed; else they come from memory."""
    if find_spec("grain") is None:
        return ()
    assert main(["dataset", "shard", DATASET, "--out", "shards", "--shards", "2"]) == 0
    return ("--dataset", "shards", "--data.source", "stream")


@pytest.fixture
def children():
    """Child processes, which end with the test."""
    started = []
    yield started
    for child in started:
        child.kill()


@pytest.mark.slow
def test_a_killed_process_and_resuming_on_one_two_and_four_devices(folder, children):
    settings = [text for name, value in SETTINGS.items() for text in (f"--{name}", str(value))]
    new = ["train", "--env", "none", "--dataset", DATASET, NO_TWO_STREAM, *settings]
    assert main([*new, "--out", "base", "--stop-step", "1"]) == 0
    args = ("--init-from", "base")
    out = folder / "run"
    options = ("--out", out, "--training.fsdp-devices", "2", *from_disk())
    first = start_two(*args, *options, devices=2)
    children += first
    printed = kill_after_a_checkpoint(out, first)
    assert "mesh: data 2, fsdp 2 (4 devices, 2 processes)" in printed[0]
    # The library that connects the processes prints to both, from several threads at once.
    assert not re.search("mesh|dataset|training|loss|run:", printed[1])
    step = latest(out)
    assert step is not None and step % SETTINGS["training.save-every"] == 0
    resumed = {devices: folder / f"on-{devices}" for devices in (1, 2, 4)}
    for copy in resumed.values():
        shutil.copytree(out, copy)
    options = ("--resume", "--stop-step", str(step + MORE), "--training.fsdp-devices")
    children += start_two("--out", resumed[2], *options, "2", devices=1)
    children.append(start("--out", resumed[4], *options, "4", devices=4))
    finish(*children[2:])
    assert main(["train", "--out", str(resumed[1]), *options, "1"]) == 0
    assert main(["train", *args, "--out", "alone", "--stop-step", str(step + MORE)]) == 0
    expected = losses("alone")
    for copy in resumed.values():
        actual = losses(copy)
        assert list(actual) == list(expected) == list(range(1, step + MORE + 1))
        np.testing.assert_allclose(list(actual.values()), list(expected.values()), rtol=2e-3)
        assert latest(copy) == step + MORE
        assert not list(copy.rglob(".*"))  # neither locks nor parts of checkpoints
