"""Progress of trainings in other processes."""

import json
import time

from dfplan.cli import sweep_progress
from dfplan.cli.sweep_progress import trained_steps, training_bar


def log(run, *steps):
    run.mkdir(exist_ok=True)
    lines = (json.dumps({"step": step, "loss": 0.5, "x": "y" * 500}) for step in steps)
    (run / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    return run


def test_the_last_line_counts(tmp_path):
    assert trained_steps(tmp_path) == 0
    assert trained_steps(log(tmp_path, *range(100))) == 99
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 1')  # being written
    assert trained_steps(tmp_path) == 99
    (tmp_path / "metrics.jsonl").write_text('{"st')
    assert trained_steps(tmp_path) == 0


def test_steps_of_all_runs_are_shown(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(sweep_progress, "WATCH_S", 0.01)
    runs = {log(tmp_path / "a", 10): 10, log(tmp_path / "b", 50): 40, tmp_path / "c": 50}
    with training_bar(runs):
        time.sleep(0.3)
    assert "training steps: 50 of 100" in capfd.readouterr().out
