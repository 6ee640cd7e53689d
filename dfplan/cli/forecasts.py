"""Summary of the forecasts of `dfplan predict`: errors, coverage of the intervals, and a table."""

from typing import Any

import numpy as np

from dfplan.cli.table import PlainTable
from dfplan.evaluation.bootstrap import interval as mean_interval
from dfplan.forecast.windows import COVERAGES, errors, inside
from dfplan.report.result import format_interval

ERRORS = {
    "mean": "error of the sample mean (ADE)",
    "best": "error of the best sample (minADE)",
    "final": "error of the sample mean at the end (FDE)",
}


def measure(
    samples: np.ndarray,
    future: np.ndarray,
    stretch: dict[float, float],
    position: tuple[int, ...],
) -> dict[str, Any]:
    """Return the coverage of the intervals and the errors, each with its confidence interval."""
    measured = {}
    for coverage in COVERAGES:
        covered = inside(samples, future, coverage, stretch=stretch[coverage])
        measured[f"coverage_{coverage:.0%}"] = mean_interval(covered.mean(axis=(1, 2)))
    for name, values in errors(samples, future, position).items():
        measured[f"error_{name}"] = mean_interval(values)
    return measured


def summary(record: dict[str, Any]) -> str:
    """Return how many forecasts a record holds, and of what, as one line."""
    tokens = record["predicted_tokens"]
    return (
        f"{len(record['step']):,} forecasts of {tokens} states, {tokens * record['stride']} "
        f"control steps, after {record['observed_tokens']} observed; "
        f"{record['samples']} samples each"
    )


def table_of(measured: dict[str, Any]) -> PlainTable:
    """Return the table of what `measure` returned."""
    table = PlainTable("metric", "mean (95% CI)")
    for name, value in measured.items():
        kind, _, detail = name.partition("_")
        label = f"coverage of the {detail} interval" if kind == "coverage" else ERRORS[detail]
        table.add_row(label, format_interval(value, digits=3))
    return table
