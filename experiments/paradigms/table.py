"""The tables: table.json, table.md, and the README between its markers."""

from typing import Any

import numpy as np

from dfplan.cli.common import console, write_json
from experiments.maze2d import records
from experiments.maze2d.bootstrap import mean_interval
from experiments.maze2d.markdown import EMPTY, cell, fill, table
from experiments.maze2d.pages import write_page
from experiments.paradigms.measures import MEASURES
from experiments.paradigms.networks import KINDS, SEED
from experiments.paradigms.rollouts import DATA
from experiments.paradigms.study import HERE, ROLLOUTS, Study
from experiments.paradigms.uses import USES, WANTED

JUDGED = {"both": "free and valid, %", "free": "in free space, %", "valid": "valid moves, %"}
METRICS = {"normalized_score": 1, "first_reach": 1, "reach_rate": 2, "success_rate": 2}
LEAD = "forcing"
"""The rollout that the others are compared with."""


def write_table(study: Study) -> None:
    """Write the tables of what has been measured so far, and print them."""
    found = {"rollouts": rollouts(study), "uses": uses(study), "networks": networks(study)}
    parts = {
        "rollouts": render_rollouts(found["rollouts"], study.lengths),
        "uses": render_uses(found["uses"]),
        "networks": render_networks(found["networks"]),
    }
    write_json(study.pages / "table.json", found)
    write_page(study.pages / "table.md", "# Paradigms\n\n" + "\n\n".join(parts.values()) + "\n")
    readme = study.pages / "README.md"
    text = (readme if readme.is_file() else HERE / "README.md").read_text()
    for name, part in parts.items():
        text = fill(text, name, part)
    write_page(readme, text)
    console.print("\n\n".join(parts.values()))


def rollouts(study: Study) -> dict[str, Any]:
    """Shares of each way of going on, at each length, over training seeds and rollouts."""
    values = {name: curves(study, name) for name in ROLLOUTS}
    found: dict[str, Any] = {}
    for name, measured in values.items():
        if measured is not None:
            found[name] = {"training_seeds": len(measured["both"])}
            for windows in study.lengths:
                found[name][str(windows)] = _at(measured, windows, values[LEAD])
    data = records.read(study.result("rollouts", DATA, 0))
    if data is not None:
        found[DATA] = {"limits": data["limits"]} | {
            name: float(np.mean(data["by_window"][name])) for name in MEASURES
        }
    return found


def _at(
    measured: dict[str, np.ndarray], windows: int, lead: dict[str, np.ndarray] | None
) -> dict[str, Any]:
    """Figures over the first windows of every rollout, and how far the lead is ahead."""
    means = {name: values[..., :windows].mean(axis=2) for name, values in measured.items()}
    row: dict[str, Any] = {name: mean_interval(means[name]) for name in MEASURES}
    if lead is not None and lead["both"].shape == measured["both"].shape:
        ahead = lead["both"][..., :windows].mean(axis=2) - means["both"]
        row["behind"] = mean_interval(ahead)
    return row


def curves(study: Study, name: str) -> dict[str, np.ndarray] | None:
    """Of each measure `[seeds, rollouts, windows]`; None where nothing is measured."""
    read = [records.read(study.result("rollouts", name, seed)) for seed in study.seeds]
    runs = [record["by_window"] for record in read if record is not None]
    if not runs:
        return None
    return {measure: np.array([run[measure] for run in runs], float) for measure in MEASURES}


def uses(study: Study) -> dict[str, Any]:
    """Reach rate and first reach of each task and use."""
    found: dict[str, Any] = {}
    for name, matrices in USES.items():
        for matrix, settings in matrices.items():
            record = records.read(study.result("uses", f"{name}-{matrix}", 0))
            if record is not None:
                values = record["per_episode"]
                row: dict[str, Any] = {"episodes": len(values["reach_rate"])}
                row |= {k: mean_interval(np.array([v])) for k, v in values.items()}
                found.setdefault(name, {})[matrix] = {**row, "planner": dict(settings)}
    return found


def networks(study: Study) -> dict[str, Any]:
    """Metrics of each kind of network."""
    read = {kind: records.read(study.result("networks", kind, SEED)) for kind in KINDS}
    return {kind: record["metrics"] for kind, record in read.items() if record is not None}


def render_rollouts(found: dict[str, Any], lengths: tuple[int, ...]) -> str:
    """The table of rollouts in Markdown."""
    header = ["", "training seeds"]
    for windows in lengths:
        header += [f"{windows} windows: {title}" for title in JUDGED.values()]
    header += ["speed / data's", f"behind Diffusion Forcing at {lengths[-1]}, points"]
    rows = []
    for name, row in found.items():
        if name == DATA:
            shares = [f"{100 * row[m]:.2f}" for m in JUDGED] * len(lengths)
            rows.append(["the held-out data itself", EMPTY, *shares, f"{row['speed']:.2f}", EMPTY])
            continue
        line = [ROLLOUTS[name].label, str(row["training_seeds"])]
        for windows in lengths:
            line += [_percent(row[str(windows)][measure]) for measure in JUDGED]
        last = row[str(lengths[-1])]
        behind = _percent(last.get("behind")) if name != LEAD else EMPTY
        rows.append([*line, cell(last["speed"], 2), behind])
    return table(header, rows) if rows else "Not measured yet."


def _percent(value: dict[str, float] | None) -> str:
    return cell(value and {k: 100 * v for k, v in value.items()}, 2)


def render_uses(found: dict[str, Any]) -> str:
    """The table of uses in Markdown."""
    rows = []
    for name, matrices in found.items():
        for row in matrices.values():
            met = "met" if row["reach_rate"]["mean"] >= WANTED else "missed"
            figures = cell(row["reach_rate"], 2), cell(row["first_reach"])
            settings = ", ".join(f"{k} {v}" for k, v in row["planner"].items())
            rows.append([name, settings, str(row["episodes"]), *figures, met])
    header = ["", "planner", "episodes", "reach rate", "first reach, steps", f"reach ≥ {WANTED}"]
    return table(header, rows, text=(0, 1, 5)) if rows else "Not measured yet."


def render_networks(found: dict[str, Any]) -> str:
    """The table of networks in Markdown."""
    rows = [
        [KINDS[kind], *(cell(metrics[name], digits) for name, digits in METRICS.items())]
        for kind, metrics in found.items()
    ]
    header = ["", "normalised", "first reach, steps", "reach rate", "success rate"]
    return table(header, rows) if rows else "Not measured yet."
