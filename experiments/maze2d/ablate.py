"""Measure the ablations, each variant once, however many tables it stands in."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from dfplan.tasks import Task
from dfplan.types import check_choice
from experiments.maze2d import records
from experiments.maze2d.ablations import ABLATIONS, Ablation, Variant
from experiments.maze2d.evaluate import Trained, answer, evaluate_run
from experiments.maze2d.open_loop import validity
from experiments.maze2d.reference import ask
from experiments.maze2d.study import SHOWN_SEED, Study, task
from experiments.maze2d.train import train_run

REFERENCES = ("controller", "bound")


def ablate(study: Study, names: Sequence[str] = ()) -> None:
    """Measure some ablations, or all, on random goals; train the networks that they need.

    Args:
        study: its mazes, in so far as an ablation is measured on them.
        names: of `ABLATIONS`; empty for all.

    Raises:
        UserError: on an unknown name.
    """
    for name in names:
        check_choice("ablation", name, ABLATIONS)
    for ablation in (ABLATIONS[name] for name in names or ABLATIONS):
        for maze in (m for m in ablation.mazes if m in study.mazes):
            for name in REFERENCES:
                ask(study.ablation_reference(maze, name), task(maze), name, study.ablation)
            for variant in ablation.variants:
                _measure(study, ablation, maze, variant)


def _measure(study: Study, ablation: Ablation, maze: str, variant: Variant) -> None:
    directory = _network(study, maze, variant)
    if variant.network:
        train_run(directory, maze, SHOWN_SEED, variant.network.settings)
    trained = Trained.load(directory, variant.planner, variant.tracker)
    where, seeds = task(maze), variant.episodes(study.ablation)
    asked, path = trained.asked(where, seeds), study.ablated(ablation.name, maze, variant.label)
    # The settings of the run itself stand in every ablation, and are measured in one of them.
    twin = records.find(path.parent.parent.glob(f"*/{maze}-*.json"), asked)
    if twin and twin != path:
        records.write(path, records.read(twin) or {})
        return
    answer(path, asked, functools.partial(_evaluate, trained, where, seeds))


def _evaluate(trained: Trained, where: Task, seeds: range) -> dict[str, Any]:
    record = {**evaluate_run(trained, where, seeds), "validity": validity(trained, where, seeds)}
    jax.clear_caches()  # the next variant's programs are others
    return record


def _network(study: Study, maze: str, variant: Variant) -> Path:
    """The run that a variant plans with."""
    if variant.network:
        return study.network(maze, variant.network.name)
    return study.shown(maze)
