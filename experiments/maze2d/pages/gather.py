"""Gather the measurements into the numbers of the table."""

from typing import Any

import numpy as np

from dfplan.evaluation.bootstrap import mean_interval, ratio_interval
from dfplan.evaluation.metrics import METRICS
from experiments.common import records
from experiments.common.trained import is_trained
from experiments.maze2d.pages.cost import training_cost
from experiments.maze2d.references.measure import NAMES
from experiments.maze2d.study import Study, maze_task

RATIOS = ("normalized_score", "latched_score", "first_reach")


def gather(study: Study) -> dict[str, Any]:
    """Return all measured numbers of the comparison, as the table's JSON."""
    return {
        "tasks": {
            maze_task(maze, goal).name: gather_task(study, maze, goal)
            for maze in study.mazes
            for goal in study.goals
        },
        "cost": {maze: _cost(study, maze) for maze in study.mazes},
    }


def gather_task(study: Study, maze: str, goal: str) -> dict[str, Any]:
    """Return the planner, its ratio to the bound, and the references on one task."""
    runs = {seed: records.read(study.result(maze, seed, goal)) for seed in study.seeds}
    measured_runs = {seed: record for seed, record in runs.items() if record is not None}
    all_references = {name: records.read(study.reference(maze, goal, name)) for name in NAMES}
    references = {name: record for name, record in all_references.items() if record is not None}
    results = list(measured_runs.values())
    gathered: dict[str, Any] = {
        "training_seeds": list(measured_runs),
        "planner": _metrics(results) if results else None,
        "references": {name: _metrics([record]) for name, record in references.items()},
        "ratio_to_bound": None,
    }
    if results and "bound" in references:
        gathered["ratio_to_bound"] = _ratios(results, references["bound"])
    return gathered


def _metrics(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return each metric's interval over runs and episodes, and the episodes per run."""
    intervals = {name: mean_interval(_values(results, name)) for name in METRICS}
    return {"episodes": results[0]["episodes"], **intervals}


def _ratios(results: list[dict[str, Any]], bound: dict[str, Any]) -> dict[str, Any]:
    return {
        name: ratio_interval(_values(results, name), np.array(bound["per_episode"][name]))
        for name in RATIOS
    }


def _values(results: list[dict[str, Any]], name: str) -> np.ndarray:
    """Return a metric `[S, E]` of several runs."""
    return np.array([result["per_episode"][name] for result in results])


def _cost(study: Study, maze: str) -> list[dict[str, Any]]:
    """Return what each trained run of a maze cost, and how long its plans take."""
    costs = []
    for seed in study.seeds:
        directory = study.run(maze, seed)
        result = records.read(study.result(maze, seed, "random"))
        if is_trained(directory):
            latency = result and result["metrics"]["latency_ms"]
            costs.append({"seed": seed, **training_cost(directory), "latency_ms": latency})
    return costs
