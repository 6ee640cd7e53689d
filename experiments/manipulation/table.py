"""The tables of the study, written to the README between its markers."""

from typing import Any

import numpy as np

from dfplan.cli.common import console
from dfplan.evaluation.bootstrap import interval
from dfplan.tasks.ogbench import OGBenchProtocol
from experiments.common import records
from experiments.common.markdown import EMPTY, cell, number, table
from experiments.common.pages import fill_readme
from experiments.common.protocol import TRAINING_SEEDS
from experiments.common.task_study import TaskStudy
from experiments.manipulation import perturbed, tracking
from experiments.manipulation.peers import MEASURED
from experiments.manipulation.published import BASELINES, SOURCE
from experiments.manipulation.study import DATA_STEPS, HERE, STUDY

TASKS = OGBenchProtocol().task_count
LINKS = (
    ("plans that arrive, %", "plans", "arrive", 100.0),
    ("cube's moves in the gripper, %", "plans", "moves_in_gripper", 100.0),
    ("low level alone, %", "low_level", "arrive", 100.0),
    ("its error, mm", "low_level", "effector_error_m", 1000.0),
    ("cube lifted, %", "grasps", "lifted", 100.0),
    ("success of these, %", "grasps", "success_of_lifted", 100.0),
)
"""Title, link, measure and factor of each column."""
CONTACTS = (
    ("off the mean of the data: data, cm", "data_median_m", 100.0),
    ("plans, cm", "plan_median_m", 100.0),
    ("plans more than 4 cm off, %", "plan_beyond_4_cm", 100.0),
)
"""Title, measure and factor of each column."""


def write_table(study: TaskStudy) -> None:
    """Write the tables of what is measured so far, and print them."""
    sections = {"table": render(study), "perturbed": perturbed.render(study)}
    sections["tracking"] = tracking.render(study)
    fill_readme(study.pages, HERE / "README.md", sections)
    for text in sections.values():
        console.print(text)


def render(study: TaskStudy) -> str:
    """Return the tables as Markdown."""
    tables = [_success_table(study), _chain_table(study), _contacts_table(study)]
    return "\n\n".join([*tables, f"Published: {SOURCE}."])


def _read(study: TaskStudy, name: str, kind: str = "") -> list[dict[str, Any]]:
    """Return the measurements of a task, one per training seed that was measured."""
    measured = [records.read(study.result(name, seed, kind)) for seed in TRAINING_SEEDS]
    return [record for record in measured if record is not None]


def _success_table(study: TaskStudy) -> str:
    rows = []
    for name in STUDY.names:
        runs = _read(study, name)
        if not runs:
            continue
        by_task = [
            float(np.mean([run["tasks"][f"task{k + 1}"]["success_rate"]["mean"] for run in runs]))
            for k in range(TASKS)
        ]
        rows.append(
            [
                name,
                f"**{_success(runs)}**",
                *(number(100 * rate, 0) for rate in by_task),
                str(len(runs)),
                f"{DATA_STEPS[name]:,}",
                *(_peer(study, name, peer) for peer in MEASURED),
                *(number(results.get(name), 0) for results in BASELINES.values()),
            ]
        )
    tasks = [f"task {k + 1}" for k in range(TASKS)]
    peers = [f"{peer.upper()} here" for peer in MEASURED]
    header = ["success, %", "dfplan", *tasks, "training seeds", "steps of data", *peers, *BASELINES]
    return table(header, rows)


def _peer(study: TaskStudy, name: str, peer: str) -> str:
    """Return the success of an algorithm that was trained here, and its optimizer steps."""
    runs = _read(study, name, peer)
    if not runs:
        return EMPTY
    steps = runs[0]["request"]["algorithm"]["settings"]["steps"]
    mean = np.mean([run["per_episode"]["success_rate"] for run in runs])
    return f"{100 * mean:.0f} ({steps:,} steps)"


def _success(runs: list[dict[str, Any]]) -> str:
    """Return the mean over all episodes of all runs, with its interval."""
    values = np.concatenate([run["per_episode"]["success_rate"] for run in runs])
    return cell(interval(100 * values))


def _chain_table(study: TaskStudy) -> str:
    rows = []
    for name in STUDY.names:
        runs = _read(study, name, "chain")
        if runs:
            means = [np.mean([run[link][measure] for run in runs]) for _, link, measure, _ in LINKS]
            factors = [factor for *_, factor in LINKS]
            cells = [number(float(m) * f, 1) for m, f in zip(means, factors, strict=True)]
            rows.append([name, *cells])
    return table(["links", *(title for title, *_ in LINKS)], rows)


def _contacts_table(study: TaskStudy) -> str:
    rows = []
    for name in STUDY.names:
        for record in _read(study, name, "contacts"):
            for move, contacts in record["contacts"].items():
                values = [contacts[measure] * factor for _, measure, factor in CONTACTS]
                rows.append([move, *(number(value, 1) for value in values)])
    return table(["handles of the scene", *(title for title, *_ in CONTACTS)], rows)
