"""The tables: table.json, table.md, and the README between its markers."""

from typing import Any

import numpy as np

from dfplan.cli.common import console, write_json
from dfplan.evaluation.bootstrap import mean_interval
from experiments.common import records
from experiments.common.markdown import EMPTY, cell, table
from experiments.common.pages import fill_readme, write_page
from experiments.paradigms.measures import MEASURES
from experiments.paradigms.networks import KINDS, SEED
from experiments.paradigms.rollouts import DATA
from experiments.paradigms.study import HERE, ROLLOUTS, Study
from experiments.paradigms.uses import MIN_REACH, USES

SHARES = {"both": "free and valid, %", "free": "in free space, %", "valid": "valid moves, %"}
METRICS = {"normalized_score": 1, "first_reach": 1, "reach_rate": 2, "success_rate": 2}
LEAD = "forcing"
"""Rollout that the others are compared with."""


def write_table(study: Study) -> None:
    """Write the tables of what is measured so far, and print them."""
    gathered = {
        "rollouts": gather_rollouts(study),
        "uses": gather_uses(study),
        "networks": gather_networks(study),
    }
    sections = {
        "rollouts": render_rollouts(gathered["rollouts"], study.lengths),
        "uses": render_uses(gathered["uses"]),
        "networks": render_networks(gathered["networks"]),
    }
    text = "\n\n".join(sections.values())
    write_json(study.pages / "table.json", gathered)
    write_page(study.pages / "table.md", f"# Paradigms\n\n{text}\n")
    fill_readme(study.pages, HERE / "README.md", sections)
    console.print(text)


def gather_rollouts(study: Study) -> dict[str, Any]:
    """Return the shares of each rollout at each length, over training seeds and trajectories."""
    values = {name: values_by_window(study, name) for name in ROLLOUTS}
    gathered: dict[str, Any] = {}
    for name, measured in values.items():
        if measured is not None:
            gathered[name] = {"training_seeds": len(measured["both"])}
            for windows in study.lengths:
                gathered[name][str(windows)] = _at_length(measured, windows, values[LEAD])
    data = records.read(study.result("rollouts", DATA, 0))
    if data is not None:
        shares = {name: float(np.mean(data["by_window"][name])) for name in MEASURES}
        gathered[DATA] = {"limits": data["limits"], **shares}
    return gathered


def _at_length(
    measured: dict[str, np.ndarray], windows: int, lead: dict[str, np.ndarray] | None
) -> dict[str, Any]:
    """Return the measures over the first windows, and the distance to the leading rollout."""
    means = {name: values[..., :windows].mean(axis=2) for name, values in measured.items()}
    row: dict[str, Any] = {name: mean_interval(means[name]) for name in MEASURES}
    if lead is not None and lead["both"].shape == measured["both"].shape:
        difference = lead["both"][..., :windows].mean(axis=2) - means["both"]
        row["behind"] = mean_interval(difference)
    return row


def values_by_window(study: Study, name: str) -> dict[str, np.ndarray] | None:
    """Return each measure of a rollout, `[seeds, rollouts, windows]`, or None if unmeasured."""
    read = [records.read(study.result("rollouts", name, seed)) for seed in study.seeds]
    runs = [record["by_window"] for record in read if record is not None]
    if not runs:
        return None
    return {measure: np.array([run[measure] for run in runs], float) for measure in MEASURES}


def gather_uses(study: Study) -> dict[str, Any]:
    """Return the reach rate and first reach of each task and use."""
    gathered: dict[str, Any] = {}
    for name, matrices in USES.items():
        for matrix, settings in matrices.items():
            record = records.read(study.result("uses", f"{name}-{matrix}", 0))
            if record is not None:
                values = record["per_episode"]
                row: dict[str, Any] = {"episodes": len(values["reach_rate"])}
                row |= {k: mean_interval(np.array([v])) for k, v in values.items()}
                gathered.setdefault(name, {})[matrix] = {**row, "planner": dict(settings)}
    return gathered


def gather_networks(study: Study) -> dict[str, Any]:
    """Return the metrics of each kind of network."""
    read = {kind: records.read(study.result("networks", kind, SEED)) for kind in KINDS}
    return {kind: record["metrics"] for kind, record in read.items() if record is not None}


def render_rollouts(gathered: dict[str, Any], lengths: tuple[int, ...]) -> str:
    """Return the table of rollouts as Markdown."""
    header = ["", "training seeds"]
    for windows in lengths:
        header += [f"{windows} windows: {title}" for title in SHARES.values()]
    header += ["speed / data's", f"behind Diffusion Forcing at {lengths[-1]}, points"]
    rows = []
    for name, row in gathered.items():
        if name == DATA:
            shares = [f"{100 * row[m]:.2f}" for m in SHARES] * len(lengths)
            rows.append(["the held-out data itself", EMPTY, *shares, f"{row['speed']:.2f}", EMPTY])
            continue
        line = [ROLLOUTS[name].label, str(row["training_seeds"])]
        for windows in lengths:
            line += [_percent(row[str(windows)][measure]) for measure in SHARES]
        longest = row[str(lengths[-1])]
        behind = _percent(longest.get("behind")) if name != LEAD else EMPTY
        rows.append([*line, cell(longest["speed"], 2), behind])
    return table(header, rows) if rows else "Not measured yet."


def _percent(value: dict[str, float] | None) -> str:
    return cell(value and {k: 100 * v for k, v in value.items()}, 2)


def render_uses(gathered: dict[str, Any]) -> str:
    """Return the table of uses as Markdown."""
    rows = []
    for name, matrices in gathered.items():
        for row in matrices.values():
            rows.append(
                [
                    name,
                    ", ".join(
                        f"{name.rpartition('.')[2]} {value}"
                        for name, value in row["planner"].items()
                    ),
                    str(row["episodes"]),
                    cell(row["reach_rate"], 2),
                    cell(row["first_reach"]),
                    "met" if row["reach_rate"]["mean"] >= MIN_REACH else "missed",
                ]
            )
    header = ["", "planner", "episodes", "reach rate", "first reach, steps"]
    target = f"reach ≥ {MIN_REACH}"
    return table([*header, target], rows, text=(0, 1, 5)) if rows else "Not measured yet."


def render_networks(gathered: dict[str, Any]) -> str:
    """Return the table of networks as Markdown."""
    rows = [
        [KINDS[kind], *(cell(metrics[name], digits) for name, digits in METRICS.items())]
        for kind, metrics in gathered.items()
    ]
    header = ["", "normalized", "first reach, steps", "reach rate", "success rate"]
    return table(header, rows) if rows else "Not measured yet."
