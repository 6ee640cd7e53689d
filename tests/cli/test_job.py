"""One small job with every command: what it prints and writes, and what it leaves alone."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

from dfplan.runs.run import Run, load_weights

from .conftest import TINY

METRICS = [
    "raw_return",
    "normalized_score",
    "latched_score",
    "first_reach",
    "reach_rate",
    "success_rate",
]


def read(path):
    return json.loads(path.read_text())


def without_latency(result):
    return {**result, "metrics": {**result["metrics"], "latency_ms": None}}


@pytest.fixture(scope="module")
def evaluated(run, tmp_path_factory):
    from dfplan.cli import main

    out = tmp_path_factory.mktemp("eval") / "new" / "out"
    assert main(["eval", str(run), "--episodes", "3", "--out", str(out)]) == 0
    return out


def test_tasks_show_which_data_is_local(dfplan, run, place):
    done = dfplan("tasks", "--json", "tasks.json")
    rows = {line.split()[0]: line.split()[1] for line in done.out.splitlines()[1:]}
    assert rows["pointmaze-umaze"] == "local"
    assert rows["pointmaze-large"] == "-"
    tasks = read(place / "tasks.json")
    assert tasks.keys() == rows.keys()
    assert tasks["pointmaze-umaze"]["env"] == "dfplan/PointMaze_UMaze_D4RL-v0"


def test_collect_writes_a_summary(dfplan, place):
    done = dfplan("collect", "pointmaze-umaze", "--dataset=x-v0", "--steps=10", "--json=c.json")
    assert (done.code, done.err) == (0, "")
    assert read(place / "c.json").keys() == {"dataset", "steps", "seconds"}
    assert read(place / "c.json")["steps"] == 10


def test_a_resumed_run_equals_one_without_a_stop(dfplan, run, place):
    args = ["train", "pointmaze-umaze", "--out", "halves", *TINY]
    assert dfplan(*args, "--stop-step", 10).code == 0
    assert "step 10 of 20" in dfplan("info", "halves").out
    done = dfplan(*args, "--resume", "--json", "t.json")
    assert done.code == 0
    assert "training: 20 of 20" in done.out
    assert "training: 10 of 20" not in done.out
    assert read(place / "t.json")["step"] == 20
    whole, halves = (load_weights(Run.load(r), r).params for r in (run, place / "halves"))
    jax.tree.map(np.testing.assert_array_equal, whole, halves)
    losses = [
        [json.loads(line)["loss"] for line in (r / "metrics.jsonl").read_text().splitlines()]
        for r in (run, place / "halves")
    ]
    assert losses[0] == losses[1]


def test_resuming_a_finished_run_trains_nothing(dfplan, run, place):
    done = dfplan("train", "--out", run, "--resume", "--json", "t.json")
    assert done.code == 0
    assert "already at step 20" in done.out
    assert read(place / "t.json")["step"] == 20


def test_a_run_stores_its_command(run):
    command = Run.load(run).command
    assert command.startswith("dfplan train pointmaze-umaze --out ")
    assert command.endswith(" ".join(TINY))


def test_result_has_the_documented_form(evaluated, run):
    result = read(evaluated / "result.json")
    assert list(result) == [
        "task",
        "env",
        "env_kwargs",
        "protocol",
        "checkpoint",
        "episodes",
        "seeds",
        "perturbations",
        "planner",
        "metrics",
        "versions",
    ]
    assert result["task"] == "pointmaze-umaze"
    assert result["env"] == "dfplan/PointMaze_UMaze_D4RL-v0"
    assert (result["env_kwargs"], result["protocol"]) == ({}, "seeds")
    assert result["checkpoint"] == str(run)
    assert result["episodes"] == 3
    assert result["seeds"] == [1000, 1001, 1002]
    assert result["perturbations"] == []
    assert result["planner"] == json.loads(json.dumps(Run.load(run).config.to_dict()["planner"]))
    assert list(result["metrics"]) == [*METRICS, "latency_ms"]
    for name in METRICS:
        metric = result["metrics"][name]
        assert list(metric) == ["mean", "ci_low", "ci_high"]
        assert metric["ci_low"] <= metric["mean"] <= metric["ci_high"]
    latency = result["metrics"]["latency_ms"]
    assert list(latency) == ["p50", "p99"]
    assert 0 < latency["p50"] <= latency["p99"]


def test_figures_are_readable(evaluated):
    for name, min_frames in {"plans.png": 1, "denoising.gif": 2, "episode.gif": 2}.items():
        with Image.open(evaluated / name) as image:
            image.load()
            assert getattr(image, "n_frames", 1) >= min_frames
    assert len(list(evaluated.iterdir())) == 4


def test_same_seed_same_result(dfplan, run, evaluated, place):
    done = dfplan("eval", run, "--episodes", 3, "--json", "again.json")
    assert (done.code, done.err) == (0, "")
    first = read(evaluated / "result.json")
    again = read(place / "again.json")
    assert without_latency(first) == without_latency(again)
    mean = first["metrics"]["raw_return"]["mean"]
    assert f"{mean:.2f}" in done.out
    assert dfplan("eval", run, "--episodes", 3, "--seed", 7, "--json", "other.json").code == 0
    other = read(place / "other.json")
    assert other["seeds"] == [7, 8, 9]
    assert other["metrics"]["raw_return"] != first["metrics"]["raw_return"]


def test_baselines_are_shown_next_to_the_planner(dfplan, run, place):
    done = dfplan("eval", run, "--episodes", 3, "--baselines", "--json", "e.json")
    assert (done.code, done.err) == (0, "")
    result = read(place / "e.json")
    assert list(result["baselines"]) == ["random", "controller"]
    for metrics in result["baselines"].values():
        assert list(metrics) == METRICS
    reached = result["baselines"]["controller"]["reach_rate"]["mean"]
    assert reached == 1 and f"{reached:.2f} (1.00 to 1.00)" in done.out


def test_another_task_and_planner_settings(dfplan, run, place):
    planner = ["--planner.candidates", "2", "--planner.replan-every", "30"]
    task = ["--task", "pointmaze-umaze-fixed"]
    assert dfplan("eval", run, "--episodes", 1, "--json", "e.json", *task, *planner).code == 0
    result = read(place / "e.json")
    assert result["task"] == "pointmaze-umaze-fixed"
    assert result["metrics"]["normalized_score"] is not None
    expected = {**Run.load(run).config.to_dict()["planner"], "candidates": 2, "replan_every": 30}
    assert result["planner"] == json.loads(json.dumps(expected))


@pytest.mark.parametrize(
    ("args", "task"),
    [
        (["--env-kwargs", '{"max_episode_steps": 12}'], "pointmaze-umaze"),
        (["--env", "dfplan/PointMaze_UMaze_Robotics-v0"], "dfplan/PointMaze_UMaze_Robotics-v0"),
    ],
    ids=["env-kwargs", "env"],
)
def test_a_score_does_not_carry_over_to_another_environment(dfplan, run, place, args, task):
    assert dfplan("eval", run, "--episodes", 3, "--json", "e.json", *args).code == 0
    result = read(place / "e.json")
    assert result["task"] == task
    assert result["metrics"]["raw_return"] is not None
    assert result["metrics"]["normalized_score"] is None
    assert result["metrics"]["latched_score"] is None
    if "--env-kwargs" in args:
        assert result["metrics"]["first_reach"]["mean"] <= 12


def test_plan_writes_json_and_a_figure(dfplan, run, place):
    ends = ["--start", 1, 1, "--goal", -1, 1]
    done = dfplan("plan", run, *ends, "--json", "new/p.json", "--png", "new/p.png")
    assert (done.code, done.err) == (0, "")
    plan = read(place / "new" / "p.json")
    assert plan["start"] == [1, 1, 0, 0]
    assert plan["goal"] == [-1, 1]
    tokens = Run.load(run).config.data.tokens
    assert np.shape(plan["candidates"]) == (4, tokens, 4)
    assert plan["states"] == plan["candidates"][plan["best"]]
    np.testing.assert_allclose(plan["states"][0], plan["start"], atol=1e-5)
    future = tokens - 1
    assert f"plan of {future} states, {future * plan['stride']} control steps" in done.out
    with Image.open(place / "new" / "p.png") as image:
        assert image.format == "PNG"
    assert dfplan("plan", run, *ends, "--json", "q.json").code == 0
    assert read(place / "q.json") == plan
    assert dfplan("plan", run, *ends, "--seed", 1, "--json", "r.json").code == 0
    assert read(place / "r.json")["states"] != plan["states"]


def test_a_plan_of_a_run_without_an_environment_is_drawn(dfplan, run, place):
    shutil.copytree(run, place / "copy")
    copy = Run.load(place / "copy")
    dataclasses.replace(copy, task=dataclasses.replace(copy.task, name="", env="")).save(
        place / "copy"
    )
    done = dfplan("plan", "copy", "--start", 1, 1, "--goal", -1, 1, "--png", "p.png")
    assert (done.code, done.err) == (0, "")
    with Image.open(place / "p.png") as image:
        assert image.format == "PNG"


def test_plan_without_a_goal(dfplan, run, place):
    assert dfplan("plan", run, "--start", 1, 1, 0.5, 0, "--json", "p.json").code == 0
    plan = read(place / "p.json")
    assert plan["start"] == [1, 1, 0.5, 0]
    assert plan["goal"] is plan["arrives"] is None


def test_info_describes_the_run(dfplan, run, place):
    done = dfplan("info", run, "--json", "i.json")
    info = read(place / "i.json")
    assert info["task"] == "pointmaze-umaze"
    assert info["dataset"] == "dfplan/pointmaze-umaze-v0"
    assert info["states, goals, actions"] == "4, 2, 2"
    assert info["checkpoint"] == "step 20 of 20"
    assert info["parameters"] > 0
    assert info["settings"]["net.width"] == 16
    assert Run.load(run).command in done.out  # on one line, so that it can be copied
