"""Results of `dfplan eval`, as a report shows them."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from dfplan.config import flatten
from dfplan.evaluation.metrics import METRICS
from dfplan.report.html import Table
from dfplan.types import UserError, listed
from dfplan.util.from_json import as_type
from dfplan.util.printable import counted
from dfplan.util.readers import read_json

INTERVAL = ("mean", "ci_low", "ci_high")
PERCENTILES = ("p50", "p99")
Numbers = dict[str, float] | None
REQUIRED = ("episodes", "metrics")
TYPES = {
    "episodes": int,
    "metrics": dict[str, Numbers],
    "baselines": dict[str, dict[str, Numbers]],
    "tasks": dict[str, dict[str, Numbers]],
    "seeds": tuple[int, ...],
    "perturbations": tuple[str, ...],
    "planner": dict[str, Any],
}
"""Entries of a result that a report shows."""
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
    try:
        _check(result)
    except UserError as error:
        raise UserError(f"{file} is not a result of `dfplan eval`: {error}") from error
    return result


def _check(result: Mapping[str, Any]) -> None:
    """Check the entries that a report shows."""
    for name, kind in TYPES.items():
        if name in REQUIRED or name in result:
            as_type(repr(name), result.get(name), kind)
    for metrics in (result["metrics"], *result.get("baselines", {}).values()):
        for name, value in metrics.items():
            _check_numbers(name, value, PERCENTILES if name == "latency_ms" else INTERVAL)
    for scores in result.get("tasks", {}).values():
        for name, value in scores.items():
            _check_numbers(name, value, INTERVAL)
    if not result["metrics"].get("raw_return"):
        raise UserError("it has no metric 'raw_return'")


def _check_numbers(name: str, value: Mapping[str, float] | None, keys: Sequence[str]) -> None:
    lacking = [key for key in keys if value is not None and key not in value]
    if lacking:
        raise UserError(f"{name!r} lacks {listed(lacking)}")


def headline_names(metrics: Collection[str]) -> list[str]:
    """Return those of some metrics that a table of several results shows."""
    return [name for name in HEADLINES if name in metrics] or ["raw_return"]


def format_interval(value: Mapping[str, float] | None, digits: int = 2) -> str:
    """Format a mean with its confidence interval; None becomes an empty string."""
    if value is None:
        return ""
    mean, low, high = (f"{value[key]:.{digits}f}" for key in INTERVAL)
    return f"{mean} ({low} to {high})"


def format_latency(latency: Mapping[str, float]) -> str:
    """Format the planning latency of a result."""
    text = f"planning latency: median {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms"
    if "first_p50" not in latency:
        return text
    first = f"median {latency['first_p50']:.1f} ms, p99 {latency['first_p99']:.1f} ms"
    return f"{text}; time to first action: {first}"


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
        title=f"{result.get('task') or 'evaluation'}, {counted(result['episodes'], 'episode')}",
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
        notes.extend(_task_note(name, scores) for name, scores in tasks.items())
    if latency := result["metrics"].get("latency_ms"):
        notes.append(f"{format_latency(latency).capitalize()}.")
    settings = flatten(result.get("planner", {}))
    # JSON turns tuples into lists.
    run_settings = json.loads(json.dumps(flatten(planner)))
    changes = [f"{k} {v}" for k, v in settings.items() if v != run_settings.get(k, v)]
    if changes:
        notes.append(f"Planner settings that differ from the run's: {', '.join(changes)}.")
    return notes


def _task_note(task: str, scores: Mapping[str, Any]) -> str:
    values = (f"{name} {format_interval(value)}" for name, value in scores.items() if value)
    return f"{task.capitalize()}: {', '.join(values)}."


def headlines(result: Mapping[str, Any]) -> dict[str, str]:
    """Return the main numbers of a result as text, by name."""
    metrics = result["metrics"]
    names = headline_names([name for name, value in metrics.items() if value])
    values = {_label(name): _format_headline(name, metrics[name]["mean"]) for name in names}
    if latency := metrics.get("latency_ms"):
        values["median planning latency"] = f"{latency['p50']:.0f} ms"
    return values


def _label(name: str) -> str:
    return "steps to the goal" if name == "first_reach" else name.replace("_", " ")


def _format_headline(name: str, mean: float) -> str:
    return f"{100 * mean:.0f}%" if name in RATES else f"{mean:.1f}"
