"""The table: table.json, table.md, and the README between its markers."""

from typing import Any

import numpy as np

from dfplan.cli.common import console, write_json
from dfplan.evaluation.bootstrap import mean_interval, ratio_interval
from experiments.common import records
from experiments.common.markdown import EMPTY, cell, number, table
from experiments.common.pages import fill_readme, write_page
from experiments.robustness.conditions import CONDITIONS, MAX_FILTER_ERROR
from experiments.robustness.measure import BELIEFS, maze_task
from experiments.robustness.study import HERE, Study

METRICS = {"normalized_score": 1, "first_reach": 1, "reach_rate": 2}
"""Metrics in the table, and their digits."""
RATIOS = ("first_reach", "reach_rate")
HEADER = (
    "normalized",
    "first reach, steps",
    "reach rate",
    "first reach / clean",
    "reach rate / clean",
    "error: readings, m",
    "error: filtered, m",
    "error: denoised, m",
    "targets",
)


def write_table(study: Study) -> None:
    """Write the table of what is measured so far, and print it."""
    rows_by_task = {maze_task(maze).name: gather(study, maze) for maze in study.mazes}
    text = render(rows_by_task)
    write_json(study.pages / "table.json", rows_by_task)
    write_page(study.pages / "table.md", f"# Robustness\n\n{text}\n")
    fill_readme(study.pages, HERE / "README.md", {"table": text})
    console.print(text)


def gather(study: Study, maze: str) -> dict[str, Any]:
    """Return the results of each condition on a maze, over the runs measured under it."""
    rows: dict[str, Any] = {}
    clean: dict[str, np.ndarray] | None = None
    for name in CONDITIONS:
        read = [records.read(study.result(maze, seed, name)) for seed in study.seeds]
        runs = [record for record in read if record is not None]
        if runs:
            values = {m: np.array([r["per_episode"][m] for r in runs]) for m in METRICS}
            rows[name] = _metrics(values, clean)
            rows[name]["error"] = {b: _error([r["errors"][b] for r in runs]) for b in BELIEFS}
            clean = values if name == "clean" else clean
    return rows


def _metrics(values: dict[str, np.ndarray], clean: dict[str, np.ndarray] | None) -> dict[str, Any]:
    """Return the intervals of metrics `[S, E]`, and their ratios to the clean ones if measured."""
    seeds, episodes = values["reach_rate"].shape
    row: dict[str, Any] = {"training_seeds": seeds, "episodes": episodes}
    row |= {name: mean_interval(values[name]) for name in METRICS}
    if clean is not None:
        row["over_clean"] = {
            name: ratio_interval(values[name], clean[name].mean(axis=0)) for name in RATIOS
        }
    return row


def _error(runs: list[dict[str, list[float]]]) -> float | None:
    """Return the root-mean-square distance over all steps of the runs, in meters."""
    square, steps = (sum(sum(run[key]) for run in runs) for key in ("square", "steps"))
    return (square / steps) ** 0.5 if steps else None


def render(rows_by_task: dict[str, dict[str, Any]]) -> str:
    """Return the tables as Markdown."""
    sections = []
    for name, rows in rows_by_task.items():
        first = next(iter(rows.values()), None)
        count = "not measured yet"
        if first is not None:
            seeds = first["training_seeds"]
            count = f"{seeds} training seed{'s' * (seeds != 1)}, {first['episodes']} episodes each"
        lines = [_line(key, row) for key, row in rows.items()]
        text = table(["", *HEADER], lines, text=(0, len(HEADER)))
        sections.append(f"**{name}**, {count}\n\n{text}")
    return "\n\n".join(sections)


def _line(name: str, row: dict[str, Any]) -> list[str]:
    ratios = row.get("over_clean", {})
    return [
        CONDITIONS[name].label,
        *(cell(row[metric], digits) for metric, digits in METRICS.items()),
        *(cell(ratios.get(metric), 2) for metric in RATIOS),
        *(number(row["error"][belief], 3) for belief in BELIEFS),
        _targets(name, row),
    ]


def _targets(name: str, row: dict[str, Any]) -> str:
    """Return which targets a row meets and which it misses."""
    condition = CONDITIONS[name]
    ratios = row.get("over_clean")
    error = row["error"]
    if ratios is None:
        return EMPTY
    checks = []
    if condition.min_reach is not None:
        reach_ok = ratios["reach_rate"]["mean"] >= condition.min_reach
        checks.append((f"reach ≥ {condition.min_reach}", reach_ok))
    if condition.max_first_reach is not None:
        first_ok = ratios["first_reach"]["mean"] <= condition.max_first_reach
        checks.append((f"first reach ≤ {condition.max_first_reach}", first_ok))
        error_ok = error["estimate"] <= MAX_FILTER_ERROR * error["reading"]
        checks.append((f"error ≤ {MAX_FILTER_ERROR} of readings", error_ok))
    return "; ".join(f"{target}: {'met' if ok else 'missed'}" for target, ok in checks) or EMPTY
