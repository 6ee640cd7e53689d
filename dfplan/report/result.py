"""Result: what `dfplan eval` found, as a report shows it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dfplan.evaluation.metrics import METRICS
from dfplan.report.page import Table
from dfplan.types import UserError, one_line

SHARES = ("success_rate", "reach_rate")
LARGE = ("success_rate", "normalized_score", "first_reach")
"""The metrics that stand at the top of a page; a return where there are none of them."""


def read_result(path: Path) -> dict[str, Any]:
    """What `dfplan eval` wrote to this file, or to result.json in this directory.

    Raises:
        UserError: when that is not so.
    """
    file = path / "result.json" if path.is_dir() else path
    try:
        result = json.loads(file.read_text())
        assert isinstance(result, dict), "it is no object"
        assert isinstance(result.get("episodes"), int), "it has no episodes"
        assert isinstance(result.get("metrics"), dict), "it has no metrics"
    except (AssertionError, OSError, ValueError) as error:
        reason = one_line(error)
        raise UserError(f"{file} is no result of `dfplan eval`: {reason}") from error
    return result


def cell(value: Mapping[str, float] | None) -> str:
    """A mean and its interval; empty where there is none."""
    if value is None:
        return ""
    return f"{value['mean']:.2f} ({value['ci_low']:.2f} to {value['ci_high']:.2f})"


def result_table(result: Mapping[str, Any], source: str, planner: Mapping[str, Any]) -> Table:
    """The table of a result.

    Args:
        result: of `read_result`.
        source: where it was read.
        planner: settings of the run's own planner; a note names those that were others.
    """
    columns = {"planner": result["metrics"], **result.get("baselines", {})}
    rows = [(name, [cell(found.get(name)) for found in columns.values()]) for name in METRICS]
    title = f"{result.get('task') or 'evaluation'}, {result['episodes']} episodes"
    notes = [*_notes(result, planner), source]
    return Table(title, list(columns), [row for row in rows if any(row[1])], notes)


def _notes(result: Mapping[str, Any], planner: Mapping[str, Any]) -> list[str]:
    notes = []
    if seeds := result.get("seeds"):
        notes.append(f"Seeds {min(seeds)} to {max(seeds)}.")
    if perturbations := result.get("perturbations"):
        notes.append(f"Perturbed by {', '.join(map(str, perturbations))}.")
    if tasks := result.get("tasks"):
        notes.append(f"{', '.join(f'{name}: {cell(value)}' for name, value in tasks.items())}.")
    if latency := result["metrics"].get("latency_ms"):
        p50, p99 = latency["p50"], latency["p99"]
        notes.append(f"One plan takes {p50:.1f} ms, 99 % at most {p99:.1f} ms.")
    used = result.get("planner", {})
    # JSON has lists for tuples.
    own = json.loads(json.dumps(planner))
    if others := [f"{k} {v}" for k, v in used.items() if v != own.get(k, v)]:
        notes.append(f"Other settings of the planner than the run's: {', '.join(others)}.")
    return notes


def figures(result: Mapping[str, Any]) -> dict[str, str]:
    """The main numbers of a result, in words."""
    metrics = result["metrics"]
    shown = [name for name in LARGE if metrics.get(name)] or ["raw_return"]
    found = {_words(name): _large(name, metrics[name]["mean"]) for name in shown}
    if latency := metrics.get("latency_ms"):
        found["one plan, median"] = f"{latency['p50']:.0f} ms"
    return found


def _words(name: str) -> str:
    return {"first_reach": "steps to the goal"}.get(name, name.replace("_", " "))


def _large(name: str, mean: float) -> str:
    return f"{100 * mean:.0f} %" if name in SHARES else f"{mean:.1f}"
