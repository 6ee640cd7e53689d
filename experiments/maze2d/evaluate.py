"""Evaluate trained runs as `dfplan eval` does, and keep the values of every episode."""

import functools
import itertools
from pathlib import Path
from typing import Any

from dfplan.evaluation.latency import plan_latency
from dfplan.tasks.registry import Task
from dfplan.util.jobs import Executor, Job, LocalExecutor, Report
from experiments.common.environment import first_observations
from experiments.common.episodes import play_episodes, summarize
from experiments.common.jobs import run_all
from experiments.common.records import measure_once
from experiments.common.trained import Trained
from experiments.maze2d.study import Study, maze_task

LATENCY_CALLS = 50


def evaluate(study: Study, executor: Executor = LocalExecutor()) -> None:
    """Evaluate every trained run of the study on every kind of goal."""
    place = {
        "runs": str(study.runs),
        "results": str(study.results),
        "evaluation": [study.evaluation.start, study.evaluation.stop],
    }
    jobs = []
    for maze, seed, goal in itertools.product(study.mazes, study.seeds, study.goals):
        arguments = {**place, "maze": maze, "seed": seed, "goal": goal}
        jobs.append(Job(f"evaluate {maze}-{seed}, {goal} goals", evaluate_job, arguments))
    run_all(jobs, executor)


def evaluate_job(arguments: dict[str, Any], report: Report) -> bytes:
    """Evaluate a trained run on a kind of goal, a job."""
    study = Study(
        runs=Path(arguments["runs"]),
        results=Path(arguments["results"]),
        evaluation=range(*arguments["evaluation"]),
    )
    maze, seed, goal = (arguments[name] for name in ("maze", "seed", "goal"))
    trained = Trained.load(study.run(maze, seed))
    task = maze_task(maze, goal)
    measure_once(
        study.result(maze, seed, goal),
        trained.request(task, study.evaluation),
        functools.partial(evaluate_run, trained, task, seeds=study.evaluation),
    )
    return b""


def evaluate_run(trained: Trained, task: Task, seeds: range) -> dict[str, Any]:
    """Return the metrics of a trained run and the latency of its plans."""
    agent = trained.agent()
    record = summarize(play_episodes(agent, task, seeds), task)
    observations = first_observations(task, seeds[:10])
    record["metrics"]["latency_ms"] = plan_latency(agent, observations, LATENCY_CALLS)
    return {"checkpoint": str(trained.directory), **record}
