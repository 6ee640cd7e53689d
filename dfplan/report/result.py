"""Results of `dfplan eval`, as a report shows them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dfplan.config import flatten
from dfplan.evaluation.metrics import METRICS
from dfplan.report.html import Table
from dfplan.types import UserError
from dfplan.util.readers import read_json

RATES = ("success_rate", "reach_rate")
HEADLINES = ("success_rate", "normalized_score", "first_reach")
"""Metrics shown at the top of a report; the raw return if a result has no other."""


def read_result(path: Path) -> dict[str, Any]:
    """Read a result that `dfplan eval` wrote.

    Args:
        path: JSON file, or a directory with a result.json.

    Raises:
        UserError: If the file is missing, or is not a result of `dfplan eval`.
    """
    file = path / "result.json" if path.is_dir() else path
    result = read_json(file)
    for name, kind in {"episodes": int, "metrics": dict}.items():
        if not isinstance(result.get(name), kind):
            raise UserError(f"{file} is not a result of `dfplan eval`: it lacks {name!r}")
    return result


def format_interval(value: Mapping[str, float] | None, digits: int = 2) -> str:
    """Format a mean with its confidence interval; None becomes an empty string."""
    if value is None:
        return ""
    mean, low, high = (f"{value[key]:.{digits}f}" for key in ("mean", "ci_low", "ci_high"))
    return f"{mean} ({low} to {high})"


def format_latency(latency: Mapping[str, float]) -> str:
    """Format the planning latency of a result."""
    return f"planning latency: median {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms"


def result_table(result: Mapping[str, Any], source: str, planner: Mapping[str, Any]) -> Table:
    """Return the table of a result.

    Args:
        result: Result, from `read_result`.
        source: Note on where the result comes from.
        planner: Planner settings of the run; a note names those that differ in the result.
    """
    columns = {"planner": result["metrics"], **result.get("baselines", {})}
    rows = []
    for name in METRICS:
        cells = [format_interval(metrics.get(name)) for metrics in columns.values()]
        if any(cells):
            rows.append((name, cells))
    return Table(
        title=f"{result.get('task') or 'evaluation'}, {result['episodes']} episodes",
        columns=list(columns),
        rows=rows,
        notes=[*_notes(result, planner), source],
    )


def _notes(result: Mapping[str, Any], planner: Mapping[str, Any]) -> list[str]:
    notes = []
    if seeds := result.get("seeds"):
        notes.append(f"Seeds: {min(seeds)} to {max(seeds)}.")
    if perturbations := result.get("perturbations"):
        notes.append(f"Perturbations: {'; '.join(map(str, perturbations))}.")
    if tasks := result.get("tasks"):
        scores = (f"{name} {format_interval(value)}" for name, value in tasks.items())
        notes.append(f"By task: {', '.join(scores)}.")
    if latency := result["metrics"].get("latency_ms"):
        notes.append(f"{format_latency(latency).capitalize()}.")
    settings = flatten(result.get("planner", {}))
    # JSON turns tuples into lists.
    run_settings = json.loads(json.dumps(flatten(planner)))
    changes = [f"{k} {v}" for k, v in settings.items() if v != run_settings.get(k, v)]
    if changes:
        notes.append(f"Planner settings that differ from the run's: {', '.join(changes)}.")
    return notes


def headlines(result: Mapping[str, Any]) -> dict[str, str]:
    """Return the main numbers of a result as text, by name."""
    metrics = result["metrics"]
    names = [name for name in HEADLINES if metrics.get(name)] or ["raw_return"]
    values = {_label(name): _format_headline(name, metrics[name]["mean"]) for name in names}
    if latency := metrics.get("latency_ms"):
        values["median planning latency"] = f"{latency['p50']:.0f} ms"
    return values


def _label(name: str) -> str:
    return "steps to the goal" if name == "first_reach" else name.replace("_", " ")


def _format_headline(name: str, mean: float) -> str:
    return f"{100 * mean:.0f}%" if name in RATES else f"{mean:.1f}"
