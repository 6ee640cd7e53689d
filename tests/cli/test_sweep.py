"""`dfplan sweep`, and what `dfplan eval` does with several runs: done once, and kept."""

import json

import numpy as np
import pytest

from dfplan.cli import sweep_jobs
from dfplan.cli.sweep import split_settings
from dfplan.evaluation.bootstrap import mean_interval
from tests.cli.conftest import TINY

TASK = "pointmaze-umaze"
EVALUATION = ("--episodes", 2, "--eval-seed", 50)
SHORT = ("--episodes", 3, "--max-steps", 8, "--num-envs", 2, "--seed", 50)


def test_settings_of_training_have_a_dot():
    argv = ["a", "b", "--seeds", "0", "1", "--net.width", "16", "--x.y=2", "--out", "d", "--d.f"]
    own, settings = split_settings(argv)
    assert own == ["a", "b", "--seeds", "0", "1", "--out", "d"]
    assert settings == ["--net.width", "16", "--x.y=2", "--d.f"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "s"], ["task"]),
        ([TASK], ["--out is missing"]),
        (["nosuch", "--out", "s"], ["'nosuch'", TASK]),
        ([TASK, TASK, "--out", "s"], ["task", "twice"]),
        ([TASK, "--out", "s", "--seeds", "1", "1"], ["seed", "twice"]),
        ([TASK, "--out", "s", "--training.stepz", "9"], ["--training.stepz", "--training.steps"]),
        ([TASK, "--out", "s", "--training.seed", "9"], ["--training.seed", "--seeds"]),
        ([TASK, "--out", "s", "--training.steps", "0"], ["training.steps", "0"]),
        ([TASK, "--out", "s", "--episodes", "0"], ["--episodes", "0"]),
        (["tmaze", "--out", "s"], ["dataset"]),
        ([TASK, "--out", "s", "--job-cpus", "0"], ["--job-cpus", "above 0", "0"]),
        ([TASK, "--out", "s", "--seeds", "0", "-1"], ["training.seed", "-1"]),
        ([TASK, "--out", "s", "--job-cpus", "nan"], ["--job-cpus", "above 0", "nan"]),
        ([TASK, "--out", "s", "--job-gpus", "inf"], ["--job-gpus", "finite", "inf"]),
        ([TASK, "--out", "s", "--job-gpus", "-1"], ["--job-gpus", "at least 0", "-1"]),
    ],
)
def test_mistakes_are_found_before_any_training(dfplan, run, place, arguments, words):
    done = dfplan("sweep", *arguments)
    assert done.code == 2 and len(done.err.splitlines()) == 1
    assert all(word in done.err for word in words), done.err
    assert not (place / "s").exists()


@pytest.mark.slow
def test_a_sweep_is_its_trainings_and_evaluations_and_goes_on_where_it_ended(
    dfplan, run, place, monkeypatch
):
    command = ["sweep", TASK, "--seeds", 0, 1, "--out", "s", *EVALUATION, *TINY]
    original = sweep_jobs.evaluate

    def fail_once(evaluations, **options):
        monkeypatch.setattr(sweep_jobs, "evaluate", original)
        from dfplan.types import UserError

        raise UserError("no luck; valid: luck")

    monkeypatch.setattr(sweep_jobs, "evaluate", fail_once)
    first = dfplan(*command)
    assert first.code == 2 and f"{TASK}-0" in first.err and "1 of 2 runs failed" in first.err
    record = json.loads((place / "s" / "sweep.json").read_text())
    assert [r["seed"] for r in record["runs"]] == [1] and "no luck" in record["failed"][f"{TASK}-0"]

    second = dfplan(*command, "--json", "all.json")
    assert (second.code, second.err) == (0, "")
    assert f"2 of 2: {TASK}-0 done" in second.out
    record = json.loads((place / "all.json").read_text())
    single = dfplan("eval", f"s/{TASK}-1", "--episodes", 2, "--seed", 50, "--json", "one.json")
    assert single.code == 0
    expected = json.loads((place / "one.json").read_text())
    metrics = record["runs"][1]["result"]["metrics"]
    del expected["metrics"]["latency_ms"], metrics["latency_ms"]
    assert metrics == expected["metrics"]
    values = np.array([r["per_episode"]["raw_return"] for r in record["runs"]])
    assert values.shape == (2, 2)
    assert record["tasks"][TASK]["raw_return"] == mean_interval(values)
    trained = (place / "s" / f"{TASK}-1" / "config.json").read_bytes()

    third = dfplan(*command)
    assert third.code == 0 and "training" not in third.out and "-0 done" not in third.out
    assert (place / "s" / f"{TASK}-1" / "config.json").read_bytes() == trained
    other = dfplan(*command[:-1], 0.5)
    assert other.code == 2 and "runs failed" in other.err and "was started with" in other.out

    (damaged, *_) = (place / "s" / "results").glob(f"{TASK}-0-*")
    damaged.write_text("{")
    fourth = dfplan(*command)
    assert fourth.code == 2 and len(fourth.err.splitlines()) == 1 and damaged.name in fourth.err


def test_several_runs_are_compared_and_unfinished_work_is_kept(dfplan, run, place, monkeypatch):
    from dfplan.cli import eval_jobs

    alone = dfplan("eval", run, *SHORT, "--json", "alone.json")
    assert alone.code == 0
    played = []
    play = eval_jobs.play

    def spy(arguments, report):
        played.append((arguments["argv"][0], arguments["batch"]))
        if len(played) == 3:
            raise KeyboardInterrupt
        return play(arguments, report)

    spy.__module__, spy.__qualname__ = play.__module__, play.__qualname__
    monkeypatch.setattr(eval_jobs, "play", spy)
    both = ["eval", run, TASK, *SHORT, "--out", "out", "--json", "both.json"]
    assert dfplan(*both).code == 130
    assert not (place / "both.json").exists()
    assert dfplan(*both).code == 0
    assert played == [(str(run), 0), (str(run), 1), (TASK, 0), (TASK, 0), (TASK, 1)]
    results = json.loads((place / "both.json").read_text())["runs"]
    expected = json.loads((place / "alone.json").read_text())
    for record in (results[0], expected):
        del record["metrics"]["latency_ms"]
    del expected["versions"]
    assert results[0] == expected
    assert (place / "out" / TASK / "result.json").exists()
    assert not (place / "out" / "unfinished").exists()
    twice = dfplan("eval", run, run, *SHORT)
    assert twice.code == 2 and "twice" in twice.err
