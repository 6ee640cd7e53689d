"""The tables: table.json, and the README between its markers."""

from typing import Any

import numpy as np

from dfplan.cli.common import console, write_json
from dfplan.evaluation.bootstrap import mean_interval
from experiments.common import records
from experiments.common.markdown import EMPTY, cell, table
from experiments.common.pages import fill_readme
from experiments.drift.measures import MEASURES
from experiments.drift.rollouts import DATA
from experiments.drift.study import HERE, ROBOTS, ROLLOUTS, Study

TABLE = "table.json"
COLUMNS = (
    ("plausible", 0, 100.0, 1, "plausible moves, %: first window"),
    ("plausible", -1, 100.0, 1, "last window"),
    ("error", 0, 1.0, 3, "error of a step: first window"),
    ("error", -1, 1.0, 3, "last window"),
    ("distance", 0, 1.0, 3, "distance to data: first window"),
    ("distance", -1, 1.0, 3, "last window"),
    ("fallen", 3, 100.0, 1, "fallen, %: after 4 windows"),
    ("fallen", -1, 100.0, 1, "after all windows"),
)
"""Measure, window, factor, digits and title of each column."""


def write_table(study: Study) -> None:
    """Write the tables of what is measured so far, and print them."""
    gathered = {robot: gather(study, robot) for robot in ROBOTS}
    sections = {robot: render(gathered[robot]) for robot in ROBOTS}
    write_json(study.pages / TABLE, gathered)
    fill_readme(study.pages, HERE / "README.md", sections)
    for robot, text in sections.items():
        console.print(f"{robot}\n{text}\n", soft_wrap=True)


def gather(study: Study, robot: str) -> dict[str, Any]:
    """Return each measure of each rollout in each window, with intervals, and the data's own."""
    gathered: dict[str, Any] = {}
    for name in ROLLOUTS:
        values = values_by_window(study, robot, name)
        if values is not None:
            gathered[name] = {
                "training_seeds": len(values["fallen"]),
                **{measure: _intervals(values[measure]) for measure in MEASURES},
            }
    data = records.read(study.result(robot, DATA, 0))
    if data is not None:
        by_window = {m: _intervals(np.array([data["by_window"][m]])) for m in MEASURES}
        by_window["fallen"] = [
            dict.fromkeys(("mean", "ci_low", "ci_high"), x) for x in data["fallen"]
        ]
        gathered[DATA] = {"tolerance": data["tolerance"], **by_window}
    return gathered


def values_by_window(study: Study, robot: str, name: str) -> dict[str, np.ndarray] | None:
    """Return each measure of a rollout, `[seeds, rollouts, windows]`, or None if unmeasured."""
    read = [records.read(study.result(robot, name, seed)) for seed in study.seeds]
    runs = [record["by_window"] for record in read if record is not None]
    if not runs:
        return None
    return {measure: np.array([run[measure] for run in runs], float) for measure in MEASURES}


def _intervals(values: np.ndarray) -> list[dict[str, float]]:
    """Return the mean over seeds and rollouts in each window, with its interval."""
    return [
        {key: round(value, 5) for key, value in mean_interval(window).items()}
        for window in np.moveaxis(values, 2, 0)
    ]


def _order(name: str) -> tuple[int, int]:
    """Return the sorting key of a row: by denoising steps, most first, and the data last."""
    if name == DATA:
        return (0, 0)
    return (-ROLLOUTS[name].planner["sampling.steps"], list(ROLLOUTS).index(name))


def render(gathered: dict[str, Any]) -> str:
    """Return the table of a robot as Markdown."""
    rows = []
    for name in sorted(gathered, key=_order):
        row = gathered[name]
        line = ["the held-out data itself", EMPTY, EMPTY]
        if name != DATA:
            rollout = ROLLOUTS[name]
            steps = str(rollout.planner["sampling.steps"])
            line = [rollout.label, steps, str(row["training_seeds"])]
        for measure, window, factor, digits, _ in COLUMNS:
            value = {key: factor * x for key, x in row[measure][window].items()}
            line.append(cell(value, digits))
        rows.append(line)
    header = ["", "denoising steps", "training seeds", *(column[-1] for column in COLUMNS)]
    return table(header, rows) if rows else "Not measured yet."
