"""Experiments on a Ray cluster: their jobs are names and JSON, and each stage is a set of them."""

import contextlib
import os
from pathlib import Path

import pytest

from dfplan.types import UserError
from dfplan.util.jobs import Job, LocalExecutor, Outcome
from dfplan.util.ray_jobs import execute
from experiments.common.jobs import run_all
from experiments.maze2d import collect, evaluate, run, train


class Workers:
    """Runs jobs as the workers of a cluster do, in this process."""

    def run(self, jobs, report):
        for number, job in enumerate(jobs):
            result, message = execute(job.path, job.text, os.getcwd())
            yield Outcome(number, UserError(message) if message else result)


@pytest.fixture
def addresses(monkeypatch):
    """The addresses of the clusters that are used."""
    used = []

    def connect(address):
        used.append(address)
        return contextlib.nullcontext(Workers())

    monkeypatch.setattr("experiments.common.jobs.RayExecutor", connect)
    return used


def test_one_flag_runs_the_stages_of_maze2d_on_ray(addresses, monkeypatch, tmp_path, capfd):
    monkeypatch.chdir(tmp_path)
    trained, collected, measured = [], [], []
    monkeypatch.setattr(collect, "collect_once", lambda dataset, args: collected.append(dataset))
    monkeypatch.setattr(train, "train_to_end", lambda out, command: trained.append((out, command)))
    monkeypatch.setattr(evaluate.Trained, "load", lambda out: Requests())
    monkeypatch.setattr(evaluate, "measure_once", lambda file, *_: measured.append(file))
    stages = ["collect", "train", "evaluate"]
    assert run.main([*stages, "--mazes", "umaze", "--seeds", "0", "1", "--ray"]) == 0
    assert addresses == [""] * 3
    assert collected == ["dfplan/pointmaze-umaze-v0"]
    assert [str(out) for out, _ in trained] == ["runs/maze2d/umaze-0", "runs/maze2d/umaze-1"]
    assert trained[1][1][:4] == ["train", "pointmaze-umaze", "--training.seed", "1"]
    files = [Path("runs/maze2d") / f"umaze-{s}" / f"{g}.json" for s in (0, 1) for g in GOALS]
    assert measured == files
    assert "4 of 4: evaluate umaze-1, fixed goals done" in capfd.readouterr().out
    assert run.main(["collect", "--mazes", "umaze", "--ray-address", "node:1"]) == 0
    assert addresses[3:] == ["node:1"]


GOALS = ("random", "fixed")


class Requests:
    def request(self, task, seeds):
        return {}


def test_an_error_ends_the_jobs_and_an_exit_keeps_its_code_here():
    def fail(arguments, report):
        raise UserError("no; valid: yes")

    def leave(arguments, report):
        raise SystemExit(130)

    with pytest.raises(UserError, match="valid: yes"):
        run_all([Job("fail", fail, {})], LocalExecutor())
    with pytest.raises(SystemExit) as stop:
        run_all([Job("leave", leave, {})], LocalExecutor())
    assert stop.value.code == 130
