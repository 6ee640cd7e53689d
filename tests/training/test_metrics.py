"""metrics.jsonl and TensorBoard hold each step once, whatever interrupted the run."""

import contextlib
import json

import pytest

from dfplan.training.metrics import MetricLog, read_metrics
from dfplan.types import UserError
from tests.faults import full_disk

from .events import scalars


def write(directory, start, *steps):
    log = MetricLog(directory, start)
    for step in steps:
        log.write(step, {"loss": 10.0 * start + step, "rate": 1.0})
    log.close()


def read(directory):
    lines = (directory / "metrics.jsonl").read_text().splitlines()
    return {r["step"]: r["loss"] for r in map(json.loads, lines)}, len(lines)


@pytest.mark.parametrize("start", [0, 2])
def test_steps_after_the_checkpoint_are_replaced(tmp_path, start):
    write(tmp_path, 0, 1, 2, 3, 4)
    write(tmp_path, start, *range(start + 1, 6))
    expected = {s: 10.0 * start * (s > start) + s for s in range(1, 6)}
    assert read(tmp_path) == (expected, 5)
    shown = scalars(tmp_path / "tensorboard")
    assert [(s, v) for tag, s, v in shown if tag == "loss"] == list(expected.items())
    assert [s for tag, s, _ in shown if tag == "rate"] == list(range(1, 6))


def write_until_refused(log):
    for step in range(1000):
        log.write(step, {"loss": 1.0})


def test_a_disk_that_fills_up_is_one_error_and_no_hang(tmp_path):
    """A limit on the size of files takes the place of the full disk."""
    log = MetricLog(tmp_path, 0)
    error = pytest.raises(UserError, match=rf"cannot write {tmp_path}.*: File too large")
    with full_disk(2000), error:
        write_until_refused(log)
    with contextlib.suppress(UserError):
        log.close()


@pytest.mark.parametrize("rest", ['{"step": 3, "lo', "3\n", "\n", '{"loss": 1}\n'])
def test_the_partial_line_of_a_killed_run_is_dropped(tmp_path, rest):
    write(tmp_path, 0, 1, 2)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write(rest)
    write(tmp_path, 2, 3)
    assert read(tmp_path) == ({1: 1.0, 2: 2.0, 3: 23.0}, 3)


def test_read_back_by_name(tmp_path):
    assert read_metrics(tmp_path) == {}
    write(tmp_path, 0, 1, 2)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "extra": 5.0}\n{"step": 4, "lo')
    curves = {name: curve.tolist() for name, curve in read_metrics(tmp_path).items()}
    assert curves == {"loss": [[1, 1], [2, 2]], "rate": [[1, 1], [2, 1]], "extra": [[3, 5]]}
