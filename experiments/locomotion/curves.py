"""Scores after shorter trainings, next to the scores of the peers during their trainings.

A planner learns three things one after the other: action values, a low-level policy and the
denoiser. A training can therefore not be evaluated before its end; instead, shorter trainings
divide the numbers of steps of all three.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dfplan.plots.style import CANDIDATE, DRIVEN, PLAN
from dfplan.tasks.registry import Task, get_task
from experiments.common import records
from experiments.common.figures import new_figure, save_figure
from experiments.common.markdown import number, table
from experiments.common.protocol import TRAINING_SEEDS
from experiments.common.task_study import TaskStudy, planner_settings
from experiments.common.trained import Trained, check_settings
from experiments.common.training import CPU_FILE, train_to_end
from experiments.locomotion.evaluate import evaluate_planner, read_scores, score

DIVISORS = (16, 8, 4, 2, 1)
"""Divisors of the preset's numbers of steps."""
STEPS = ("action_value.steps", "policy.steps", "training.steps")
COLORS = {"dfplan": PLAN, "iql": DRIVEN, "td3+bc": CANDIDATE}


class Curve(NamedTuple):
    """A method's scores, `[N]`, after `minutes` of training on one core."""

    minutes: list[float]
    scores: list[float]


def measure_curves(study: TaskStudy) -> None:
    """Train with fewer steps and evaluate; skips finished work."""
    for name, seed in study.cases():
        for divisor in DIVISORS:
            _measure_shorter(study, name, seed, divisor)


def _measure_shorter(study: TaskStudy, name: str, seed: int, divisor: int) -> None:
    task = study.task(name)
    directory = study.run(name, seed)
    steps = {key: task.preset[key] // divisor for key in STEPS}
    if divisor > 1:
        directory = study.runs / "shorter" / f"{name}-{divisor}-{seed}"
        options = [f"--{key.replace('_', '-')}={count}" for key, count in steps.items()]
        seeded = ["train", task.name, "--training.seed", str(seed), *options]
        train_to_end(directory, [*seeded, "--out", str(directory)])
    trained = Trained.load(directory, planner_settings(task))
    check_settings(trained, {**task.preset, **steps})
    records.measure_once(
        study.result(f"{name}-{divisor}", seed, "curves"),
        trained.request(task, study.evaluation),
        functools.partial(_evaluate, trained, task, study.evaluation),
    )


def _evaluate(trained: Trained, task: Task, seeds: range) -> dict[str, Any]:
    cpu = records.read(trained.directory / CPU_FILE)
    minutes = None if cpu is None else cpu["cpu_seconds"] / 60
    return {"train_minutes": minutes, **evaluate_planner(trained.agent(), task, seeds)}


def draw_curves(study: TaskStudy) -> None:
    """Draw scores against minutes of training, for every task with measurements.

    Each curve is that of the first training seed measured, among all seeds of the experiments.
    """
    study = dataclasses.replace(study, seeds=TRAINING_SEEDS)
    tasks = [name for name in study.names if _planner_curve(study, name).minutes]
    if not tasks:
        return
    figure = new_figure(3.2 * len(tasks), 3.0)
    panels = figure.subplots(1, len(tasks), squeeze=False)[0]
    for panel, name in zip(panels, tasks, strict=True):
        _draw_task(panel, study, name)
    save_figure(figure, study.pages / "figures" / "curves.png")


def _draw_task(panel: Any, study: TaskStudy, name: str) -> None:
    peers = {peer: _peer_curve(study, name, peer) for peer in COLORS if peer != "dfplan"}
    for label, curve in {"dfplan": _planner_curve(study, name), **peers}.items():
        if curve.minutes:
            panel.plot(*curve, "o-", color=COLORS[label], markersize=4, label=label)
    panel.set_title(name, fontsize=9)
    panel.set_xlabel("minutes of training on one core")
    panel.set_ylabel("normalized score")
    panel.set_ylim(bottom=0)
    panel.legend(fontsize=8)


def render(study: TaskStudy, peers: Sequence[str] = ("td3+bc", "iql")) -> str:
    """Return the peers' final scores and their best ones during training as Markdown.

    Args:
        study: The study.
        peers: Names of the peers.
    """
    titles = [f"{peer}, {kind}" for peer in peers for kind in ("at the end", "best")]
    rows = [
        [score for peer in peers for score in _last_and_best(study, peer, name)]
        for name in study.names
    ]
    # NumPy turns a missing score into NaN, and the mean with it.
    means = np.mean(np.array(rows, float), axis=0)
    rows.append([None if np.isnan(mean) else float(mean) for mean in means])
    names = [*study.names, f"mean of {len(study.names)}"]
    cells = [[name, *map(number, row)] for name, row in zip(names, rows, strict=True)]
    return table(["normalized score", *titles], cells)


def _last_and_best(study: TaskStudy, peer: str, name: str) -> tuple[float | None, float | None]:
    """Return a peer's final score and its best one during training; None if not measured."""
    final = read_scores(study, peer, name)
    if not final:
        return None, None
    last = float(np.concatenate(final).mean())
    return last, max([last, *_peer_curve(study, name, peer).scores])


def _planner_curve(study: TaskStudy, name: str) -> Curve:
    """Return the measured scores of the first training seed, shortest training first."""
    for seed in study.seeds:
        read = [records.read(study.result(f"{name}-{k}", seed, "curves")) for k in DIVISORS]
        measured = [record for record in read if record and record["train_minutes"] is not None]
        if measured:
            return Curve(
                [record["train_minutes"] for record in measured],
                [record["mean_score"] for record in measured],
            )
    return Curve([], [])


def _peer_curve(study: TaskStudy, name: str, peer: str) -> Curve:
    """Return a peer's scores during its training with the first training seed measured."""
    read = [records.read(study.result(name, seed, peer)) for seed in study.seeds]
    points = next((record["curve"] for record in read if record and "curve" in record), [])
    returns = np.array([point["mean_return"] for point in points])
    return Curve(
        [point["seconds"] / 60 for point in points],
        score(get_task(name), returns)["scores"] if points else [],
    )
