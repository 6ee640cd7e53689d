"""The tables of the comparison, written to the README between their markers."""

import numpy as np

from dfplan.cli.common import console
from dfplan.evaluation.bootstrap import interval
from experiments.common.markdown import EMPTY, cell, number, table
from experiments.common.pages import fill_readme
from experiments.common.task_study import TaskStudy
from experiments.locomotion import curves, latency, perturbed
from experiments.locomotion.evaluate import read_scores
from experiments.locomotion.study import HERE, METHODS


def write_table(study: TaskStudy) -> None:
    """Write the tables of all measurements so far, and print them."""
    sections = {
        "table": render(study),
        "training": curves.render(study),
        "latency": latency.render(study),
        "perturbed": perturbed.render(study),
    }
    fill_readme(study.pages, HERE / "README.md", sections)
    for text in sections.values():
        console.print(text)


def render(study: TaskStudy) -> str:
    """Return the table of normalized scores as Markdown; methods without any are left out.

    The last row holds each method's mean over all tasks, if it was measured on all of them.
    """
    scores = {
        (name, method): read_scores(study, method, name)
        for name in study.names
        for method in METHODS
    }
    methods = [m for m in METHODS if any(scores[name, m] for name in study.names)]
    rows = []
    for name in study.names:
        cells = [_cell(scores[name, method]) for method in methods]
        if any(text != EMPTY for text in cells):
            rows.append([name, *cells])
    means = [_mean([scores[name, method] for name in study.names]) for method in methods]
    rows.append([f"mean of {len(study.names)}", *map(number, means)])
    return table(["normalized score", *methods], rows)


def _cell(scores: list[list[float]]) -> str:
    """Return the mean over all episodes of all training seeds, its interval, and their number."""
    if not scores:
        return EMPTY
    return f"{cell(interval(np.concatenate(scores)))}; {len(scores)}"


def _mean(scores: list[list[list[float]]]) -> float | None:
    """Return the mean over tasks of a method's mean scores; None if a task is not measured."""
    if not all(scores):
        return None
    return float(np.mean([np.concatenate(task).mean() for task in scores]))
