"""Gather measurements into the figures of the table."""

from typing import Any

import numpy as np

from dfplan.evaluate import METRICS
from experiments.maze2d import records
from experiments.maze2d.bootstrap import mean_interval, ratio_interval
from experiments.maze2d.cost import training_cost
from experiments.maze2d.evaluate import is_trained
from experiments.maze2d.reference import NAMES
from experiments.maze2d.study import Study, task

RATIOS = ("normalized_score", "latched_score", "first_reach")


def gather(study: Study) -> dict[str, Any]:
    """All figures of the comparison, as far as they are measured; the JSON form of the table."""
    return {
        "tasks": {
            task(maze, goal).name: gather_task(study, maze, goal)
            for maze in study.mazes
            for goal in study.goals
        },
        "cost": {maze: _cost(study, maze) for maze in study.mazes},
    }


def gather_task(study: Study, maze: str, goal: str) -> dict[str, Any]:
    """The planner, its ratio to the bound and the references on one task."""
    runs = {seed: records.read(study.result(maze, seed, goal)) for seed in study.seeds}
    found = {seed: record for seed, record in runs.items() if record is not None}
    others = {name: records.read(study.reference(maze, goal, name)) for name in NAMES}
    references = {name: record for name, record in others.items() if record is not None}
    result: dict[str, Any] = {
        "training_seeds": list(found),
        "planner": _metrics(list(found.values())) if found else None,
        "references": {name: _metrics([record]) for name, record in references.items()},
        "ratio_to_bound": None,
    }
    if found and "bound" in references:
        result["ratio_to_bound"] = _ratios(list(found.values()), references["bound"])
    return result


def _metrics(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Intervals over runs and episodes of each metric, and the number of episodes of each run."""
    values = {name: _values(results, name) for name in METRICS}
    return {"episodes": results[0]["episodes"], **{k: mean_interval(v) for k, v in values.items()}}


def _ratios(results: list[dict[str, Any]], bound: dict[str, Any]) -> dict[str, Any]:
    limits = {name: np.array(bound["per_episode"][name]) for name in RATIOS}
    return {name: ratio_interval(_values(results, name), limit) for name, limit in limits.items()}


def _values(results: list[dict[str, Any]], name: str) -> np.ndarray:
    """A metric `[S, E]` of some runs."""
    return np.array([result["per_episode"][name] for result in results])


def _cost(study: Study, maze: str) -> list[dict[str, Any]]:
    """Of each trained run: what it cost, and how long a plan takes."""
    found = []
    for seed in study.seeds:
        directory, result = study.run(maze, seed), records.read(study.result(maze, seed, "random"))
        if is_trained(directory):
            latency = result and result["metrics"]["latency_ms"]
            found.append({"seed": seed, **training_cost(directory), "latency_ms": latency})
    return found
