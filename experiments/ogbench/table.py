"""The table of the comparison, written to the README between its markers."""

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
from experiments.ogbench.published import PUBLISHED
from experiments.ogbench.study import HERE, STUDY

TASKS = OGBenchProtocol().task_count
BOUND = HERE / "bound.json"


def write_table(study: TaskStudy) -> None:
    """Write the table of the runs evaluated so far, and print it."""
    text = render(study)
    fill_readme(study.pages, HERE / "README.md", {"table": text})
    console.print(text)


def render(study: TaskStudy) -> str:
    """Return the tables as Markdown."""
    results = {name: _results(study, name) for name in STUDY.names}
    results = {name: measured for name, measured in results.items() if measured}
    return "\n\n".join([_success_table(results), _detail_table(results), _sources()])


def _results(study: TaskStudy, name: str) -> list[dict[str, Any]]:
    """Return the evaluations of a task, one per training seed that was evaluated."""
    evaluations = [records.read(study.result(name, seed)) for seed in TRAINING_SEEDS]
    return [evaluation for evaluation in evaluations if evaluation is not None]


def _success_table(results: dict[str, list[dict[str, Any]]]) -> str:
    rows = []
    for name, measured in results.items():
        published = [number(entry.results.get(name)) for entry in PUBLISHED]
        rows.append([name, f"**{_success(measured)}**", str(len(measured)), *published])
    header = ["success, %", "dfplan", "training seeds", *(entry.method for entry in PUBLISHED)]
    return table(header, rows)


def _success(measured: list[dict[str, Any]]) -> str:
    """Return the mean over all episodes of all runs, with its interval."""
    values = np.concatenate([run["per_episode"]["success_rate"] for run in measured])
    return cell(interval(100 * values))


def _detail_table(results: dict[str, list[dict[str, Any]]]) -> str:
    """Return the success of each of a maze's tasks, and how long successes take."""
    bound = (records.read(BOUND) or {"mazes": {}})["mazes"]
    rows = []
    for name, measured in results.items():
        tasks = [
            float(np.mean([_task(run, f"task{k + 1}") for run in measured])) for k in range(TASKS)
        ]
        steps = [run["tasks"]["overall"]["success_steps"] for run in measured]
        means = [entry["mean"] for entry in steps if entry]
        robot, size, _ = name.split("-")
        oracles = bound.get(size, {}) if robot == "pointmaze" else {}
        oracle = oracles.get("overall", {}).get("oracle", {})
        rows.append(
            [
                name,
                *(number(100 * value, 0) for value in tasks),
                number(float(np.mean(means)) if means else None, 0),
                number(oracle.get("success_steps"), 0),
                number(100 * oracle["success"], 0) if oracle else EMPTY,
                _overturned(measured),
            ]
        )
    numbers = [f"task {k + 1}" for k in range(TASKS)]
    oracle_header = ["oracle's steps", "oracle, %"]
    lost = "lost episodes that end overturned"
    header = ["success by task, %", *numbers, "steps of successes", *oracle_header, lost]
    return table(header, rows)


def _overturned(measured: list[dict[str, Any]]) -> str:
    """Return how many of the lost episodes end with the ant on its back."""
    per_episode = [run["per_episode"] for run in measured if "overturned" in run["per_episode"]]
    if not per_episode:
        return EMPTY
    lost = np.concatenate([values["success_rate"] for values in per_episode]) == 0
    overturned = np.concatenate([values["overturned"] for values in per_episode])
    return f"{int((lost & overturned).sum())} of {int(lost.sum())}"


def _task(run: dict[str, Any], task: str) -> float:
    return run["tasks"][task]["success_rate"]["mean"]


def _sources() -> str:
    return "Published: " + "; ".join(f"{entry.method}: {entry.source}" for entry in PUBLISHED) + "."
