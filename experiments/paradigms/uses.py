"""One network, three uses: the pretrained planners with each scheduling matrix."""

import functools
from collections.abc import Mapping
from typing import Any

from dfplan.agent import Agent
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import load_weights
from dfplan.tasks.registry import get_task
from experiments.common.records import measure_once
from experiments.common.trained import Trained
from experiments.paradigms.reach import measure_reach
from experiments.paradigms.study import Study

MIN_REACH = 0.98
"""Target reach rate of each use."""
USES: dict[str, dict[str, Mapping[str, Any]]] = {
    "pointmaze-medium": {
        "autoregressive": {"sampling.matrix": "autoregressive"},
        "pyramid": {"sampling.matrix": "pyramid", "candidates": 8},
        "full_sequence": {
            "sampling.matrix": "full_sequence",
            "sampling.steps": 10,
            "candidates": 16,
            "ood_penalty": 20.0,
        },
    },
    "pointmaze-large": {
        "autoregressive": {"sampling.matrix": "autoregressive"},
        "pyramid": {
            "sampling.matrix": "pyramid:slope=2",
            "candidates": 8,
            "ood_penalty": 20.0,
        },
        "full_sequence": {
            "sampling.matrix": "full_sequence",
            "sampling.steps": 10,
            "candidates": 32,
            "ood_penalty": 20.0,
        },
    },
}
"""Planner settings by task and use, on top of the planner's own; chosen on tuning seeds."""
SCRATCH = {"warm_start.level": 0.0}
"""Every plan is sampled from scratch, as a warm start has sampling settings of its own."""


def measure_uses(study: Study) -> None:
    """Measure the reach rate of each use."""
    for name, uses in USES.items():
        for matrix, settings in uses.items():
            measure_use(study, name, label=matrix, settings=settings)


def measure_use(study: Study, name: str, label: str, settings: Mapping[str, Any]) -> None:
    """Measure a task's pretrained planner with changed settings.

    Args:
        study: Study, for its seeds and results.
        name: Name of the task.
        label: Name of the use.
        settings: Planner settings to change.
    """
    resolved = resolve_run(name)
    task = get_task(name)
    trained = Trained(resolved.run.with_planner({**SCRATCH, **settings}), resolved.directory)
    measure_once(
        study.result("uses", f"{name}-{label}", 0),
        trained.request(task, study.evaluation),
        functools.partial(_measure, trained, name, study.evaluation),
    )


def _measure(trained: Trained, name: str, seeds: range) -> dict[str, Any]:
    agent = Agent.from_run(trained.run, load_weights(trained.run, trained.directory))
    metrics = measure_reach(agent, get_task(name), seeds)
    return {"per_episode": {k: v.tolist() for k, v in metrics.items()}}
