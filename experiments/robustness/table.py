"""The table: table.json, table.md, and the README between its markers."""

from typing import Any

import numpy as np

from dfplan.cli.common import console, write_json
from experiments.maze2d import records
from experiments.maze2d.bootstrap import mean_interval, ratio_interval
from experiments.maze2d.markdown import EMPTY, cell, fill, number, table
from experiments.maze2d.pages import write_page
from experiments.maze2d.study import task
from experiments.robustness.conditions import CONDITIONS, FILTER_TARGET
from experiments.robustness.measure import BELIEFS
from experiments.robustness.study import HERE, Study

METRICS = {"normalized_score": 1, "first_reach": 1, "reach_rate": 2}
"""What is stated, and its digits."""
RATIOS = ("first_reach", "reach_rate")
HEADER = (
    "normalised",
    "first reach, steps",
    "reach rate",
    "first reach / clean",
    "reach rate / clean",
    "error: readings, m",
    "acted on, m",
    "denoised, m",
    "targets",
)


def write_table(study: Study) -> None:
    """Write the table of what has been measured so far, and print it."""
    found = {task(maze).name: gather(study, maze) for maze in study.mazes}
    text = render(found)
    write_json(study.pages / "table.json", found)
    write_page(study.pages / "table.md", f"# Robustness\n\n{text}\n")
    readme = study.pages / "README.md"
    source = readme if readme.is_file() else HERE / "README.md"
    write_page(readme, fill(source.read_text(), "table", text))
    console.print(text)


def gather(study: Study, maze: str) -> dict[str, Any]:
    """The figures of each condition on a maze, over the runs that were measured under it."""
    rows: dict[str, Any] = {}
    for name in CONDITIONS:
        read = [records.read(study.result(maze, seed, name)) for seed in study.seeds]
        runs = [record for record in read if record is not None]
        if runs:
            values = {m: np.array([r["per_episode"][m] for r in runs]) for m in METRICS}
            rows[name] = _figures(values, rows.get("clean"))
            rows[name]["error"] = {b: _error([r["errors"][b] for r in runs]) for b in BELIEFS}
    return {name: {k: v for k, v in row.items() if k != "values"} for name, row in rows.items()}


def _figures(values: dict[str, np.ndarray], clean: dict[str, Any] | None) -> dict[str, Any]:
    row: dict[str, Any] = {"values": values, "training_seeds": len(values["reach_rate"])}
    row["episodes"] = values["reach_rate"].shape[1]
    row |= {name: mean_interval(values[name]) for name in METRICS}
    if clean is not None:
        row["over_clean"] = {
            name: ratio_interval(values[name], clean["values"][name].mean(axis=0))
            for name in RATIOS
        }
    return row


def _error(runs: list[dict[str, list[float]]]) -> float | None:
    """Root of the mean squared distance over all steps, metres."""
    square, steps = (sum(sum(run[key]) for run in runs) for key in ("square", "steps"))
    return (square / steps) ** 0.5 if steps else None


def render(found: dict[str, dict[str, Any]]) -> str:
    """The table's Markdown."""
    parts = []
    for name, rows in found.items():
        first = next(iter(rows.values()), None)
        what = "not measured yet"
        if first is not None:
            seeds = first["training_seeds"]
            what = f"{seeds} training seed{'s' * (seeds != 1)}, {first['episodes']} episodes each"
        lines = [_line(key, row) for key, row in rows.items()]
        parts.append(f"**{name}**, {what}\n\n{table(['', *HEADER], lines, text=(0, len(HEADER)))}")
    return "\n\n".join(parts)


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
    """Which targets a row meets, and which it misses."""
    reach, first = CONDITIONS[name].target
    ratios, error = row.get("over_clean"), row["error"]
    if ratios is None:
        return EMPTY
    checks = []
    if reach is not None:
        checks.append((f"reach ≥ {reach}", ratios["reach_rate"]["mean"] >= reach))
    if first is not None:
        checks.append((f"first reach ≤ {first}", ratios["first_reach"]["mean"] <= first))
        ok = error["estimate"] <= FILTER_TARGET * error["reading"]
        checks.append((f"error ≤ {FILTER_TARGET} of readings", ok))
    return "; ".join(f"{what}: {'met' if ok else 'missed'}" for what, ok in checks) or EMPTY
