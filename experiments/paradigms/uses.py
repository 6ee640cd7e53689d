"""One network, three uses: the planners that come trained, with each scheduling matrix."""

import functools
from collections.abc import Mapping
from typing import Any

from dfplan.agent import Agent
from dfplan.find import find_run
from dfplan.run import load_weights
from dfplan.tasks import get_task
from experiments.maze2d.evaluate import Trained, answer
from experiments.paradigms.reach import reach
from experiments.paradigms.study import Study

WANTED = 0.98
"""Least reach rate of each use."""
USES: dict[str, dict[str, Mapping[str, Any]]] = {
    "pointmaze-medium": {
        "autoregressive": {"matrix": "autoregressive"},
        "pyramid": {"matrix": "pyramid", "slope": 1.0, "candidates": 8},
        "full_sequence": {
            "matrix": "full_sequence",
            "steps": 10,
            "candidates": 16,
            "support": 20.0,
        },
    },
    "pointmaze-large": {
        "autoregressive": {"matrix": "autoregressive"},
        "pyramid": {"matrix": "pyramid", "slope": 2.0, "candidates": 8, "support": 20.0},
        "full_sequence": {
            "matrix": "full_sequence",
            "steps": 10,
            "candidates": 32,
            "support": 20.0,
        },
    },
}
"""Settings of the planner by task and use, over those it comes with; chosen on tuning seeds."""
SCRATCH = {"warm": 0.0}
"""A plan that begins from the last one is sampled in its own way, not in the use's."""


def use(study: Study) -> None:
    """Measure the reach rate of each use."""
    for name, uses in USES.items():
        for matrix, settings in uses.items():
            measure_use(study, name, matrix, settings)


def measure_use(study: Study, name: str, label: str, settings: Mapping[str, Any]) -> None:
    """Measure a trained planner, a task's or that of a run, with some settings."""
    found, where = find_run(name), get_task(name)
    trained = Trained(found.run.with_planner({**SCRATCH, **settings}), found.directory)
    answer(
        study.result("uses", f"{name}-{label}", 0),
        trained.asked(where, study.evaluation),
        functools.partial(_measure, trained, name, study.evaluation),
    )


def _measure(trained: Trained, name: str, seeds: range) -> dict[str, Any]:
    agent = Agent.of(trained.run, load_weights(trained.run, trained.directory))
    found = reach(agent, get_task(name), seeds)
    return {"per_episode": {k: v.tolist() for k, v in found.items()}}
