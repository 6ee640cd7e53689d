"""Return against latency: the planner with several numbers of candidates, for one robot."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from dfplan.evaluation.bootstrap import interval
from dfplan.evaluation.latency import plan_latency
from dfplan.tasks.make_env import make_env
from dfplan.tasks.registry import Task
from experiments.common.markdown import cell, number, table
from experiments.common.records import measure_once, read
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained
from experiments.locomotion.evaluate import evaluate_planner

CANDIDATES = (1, 4, 16, 64, 256)
CALLS = 300
STARTS = 5
"""Observations whose plans are timed in turn."""


def time_plans(study: TaskStudy, candidates: Sequence[int] = CANDIDATES) -> None:
    """Evaluate and time every planner with several numbers of candidates."""
    for name, seed in study.cases():
        task = study.task(name)
        trained = study.load(name, seed)
        for count in candidates:
            measure_once(
                study.result(f"{name}-{count}", seed, "latency"),
                {**trained.request(task, study.evaluation), "candidates": count, "calls": CALLS},
                functools.partial(_measure, trained, task, study.evaluation, count=count),
            )


def _measure(trained: Trained, task: Task, seeds: range, *, count: int) -> dict[str, Any]:
    env = make_env(task.env, task.env_kwargs)
    observations = [env.reset(seed=seed)[0] for seed in seeds[:STARTS]]
    env.close()
    latency = plan_latency(trained.agent(candidates=count), observations, CALLS)
    return {**latency, **evaluate_planner(trained.agent(candidates=count), task, seeds)}


def render(study: TaskStudy, candidates: Sequence[int] = CANDIDATES) -> str:
    """Return the table of scores and latencies as Markdown; empty if nothing is measured."""
    rows = []
    for name in study.names:
        for count in candidates:
            paths = [study.result(f"{name}-{count}", seed, "latency") for seed in study.seeds]
            records = [record for path in paths if (record := read(path)) is not None]
            if not records:
                continue
            scores = np.concatenate([record["scores"] for record in records])
            p50, p99 = (max(record[k] for record in records) for k in ("p50", "p99"))
            rows.append([name, str(count), cell(interval(scores)), number(p50), number(p99)])
    return table(["task", "candidates", "normalized score", "p50 (ms)", "p99 (ms)"], rows)
