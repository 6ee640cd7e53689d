"""Measure the ablations; a variant that appears in several tables is measured once."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from dfplan.tasks.registry import Task
from dfplan.types import check_choice
from experiments.common import records
from experiments.common.open_loop import plan_validity
from experiments.common.trained import Trained
from experiments.maze2d.ablations import ABLATIONS, Ablation, Variant
from experiments.maze2d.evaluate import evaluate_run
from experiments.maze2d.references.measure import measure_reference
from experiments.maze2d.study import SHOWN_SEED, Study, maze_task
from experiments.maze2d.train import train_run

REFERENCES = ("controller", "bound")


def ablate(study: Study, names: Sequence[str] = ()) -> None:
    """Measure ablations on random goals, and train the networks that they need.

    Args:
        study: Study whose mazes are measured, as far as an ablation covers them.
        names: Names from `ABLATIONS`; if empty, all.

    Raises:
        UserError: If a name is unknown.
    """
    for name in names:
        check_choice("ablation", name, ABLATIONS)
    for ablation in (ABLATIONS[name] for name in names or ABLATIONS):
        for maze in (m for m in ablation.mazes if m in study.mazes):
            for name in REFERENCES:
                path = study.ablation_reference(maze, name)
                measure_reference(path, maze_task(maze), name, seeds=study.ablation)
            for variant in ablation.variants:
                _measure(study, ablation, maze, variant=variant)


def _measure(study: Study, ablation: Ablation, maze: str, variant: Variant) -> None:
    directory = _network(study, maze, variant)
    if variant.network:
        train_run(directory, maze, SHOWN_SEED, settings=variant.network.settings)
    trained = Trained.load(directory, variant.planner, variant.tracker)
    task = maze_task(maze)
    seeds = variant.episodes(study.ablation)
    request = trained.request(task, seeds)
    path = study.ablated(ablation.name, maze, variant.label)
    # The run's own settings are a variant of every ablation; they are measured in one of them.
    measured = records.find(path.parent.parent.glob(f"*/{maze}-*.json"), request)
    if measured and measured != path:
        records.write(path, records.read(measured) or {})
        return
    records.measure_once(path, request, functools.partial(_evaluate, trained, task, seeds))


def _evaluate(trained: Trained, task: Task, seeds: range) -> dict[str, Any]:
    record = evaluate_run(trained, task, seeds)
    record["validity"] = plan_validity(trained, task, seeds)
    jax.clear_caches()  # the next variant compiles other programs
    return record


def _network(study: Study, maze: str, variant: Variant) -> Path:
    """Return the run that a variant plans with."""
    if variant.network:
        return study.network(maze, variant.network.name)
    return study.shown(maze)
