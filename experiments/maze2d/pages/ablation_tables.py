"""The tables of the ablations: ablations.md in full, and the scores in the README."""

from typing import Any

import numpy as np

from dfplan.cli.common import console
from experiments.maze2d import records
from experiments.maze2d.ablate import REFERENCES
from experiments.maze2d.ablations import ABLATIONS, Ablation
from experiments.maze2d.bootstrap import mean_interval
from experiments.maze2d.markdown import EMPTY, cell, number, table
from experiments.maze2d.pages import fill_readme, write_page
from experiments.maze2d.study import TITLES, Study

HEADER = (
    "episodes",
    "normalised",
    "first reach, steps",
    "reach rate",
    "valid plans",
    "valid chosen plans",
    "one plan, ms",
)


def write_ablations(study: Study) -> None:
    """Write the tables of what has been measured so far."""
    parts, short = ["# Ablations"], []
    for ablation in ABLATIONS.values():
        found = gather_ablation(study, ablation)
        if found:
            parts += [full_table(ablation, found), *_picture(study, ablation)]
            short.append(score_table(ablation, found))
    text = "\n\n".join(parts)
    write_page(study.pages / "ablations.md", f"{text}\n")
    fill_readme(study, "ablations", "\n\n".join(short) or "Not measured yet.")
    console.print(text)


def gather_ablation(study: Study, ablation: Ablation) -> dict[str, dict[str, dict[str, Any]]]:
    """Measurements by maze and label, the references' too; mazes with none are left out."""
    found = {}
    for maze in ablation.mazes:
        paths = {v.label: study.ablated(ablation.name, maze, v.label) for v in ablation.variants}
        measured = {k: r for k, p in paths.items() if (r := records.read(p)) is not None}
        if measured:
            paths = {name: study.ablation_reference(maze, name) for name in REFERENCES}
            others = {k: r for k, p in paths.items() if (r := records.read(p)) is not None}
            found[maze] = {**measured, **others}
    return found


def full_table(ablation: Ablation, found: dict[str, dict[str, dict[str, Any]]]) -> str:
    """An ablation in full, a table for each maze."""
    parts = [f"## {ablation.title}", *([ablation.note] if ablation.note else [])]
    for maze, measured in found.items():
        rows = [[label, *_cells(record)] for label, record in measured.items()]
        parts.append(f"**{TITLES[maze]}**\n\n{table(['', *HEADER], rows)}")
    return "\n\n".join(parts)


def score_table(ablation: Ablation, found: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The normalised scores of an ablation, a column for each maze."""
    measured_labels = {label for measured in found.values() for label in measured}
    every = (*(v.label for v in ablation.variants), *REFERENCES)
    labels = [label for label in every if label in measured_labels]
    rows = [
        [label, *(cell(score(measured.get(label))) for measured in found.values())]
        for label in labels
    ]
    return f"**{ablation.title}**\n\n{table(['', *(TITLES[maze] for maze in found)], rows)}"


def score(record: dict[str, Any] | None, name: str = "normalized_score") -> dict[str, float] | None:
    """A metric of a measurement, with its interval over episodes."""
    return record and mean_interval(np.array([record["per_episode"][name]]))


def _cells(record: dict[str, Any]) -> list[str]:
    valid, latency = record.get("validity"), record["metrics"].get("latency_ms")
    return [
        str(record["episodes"]),
        cell(score(record)),
        cell(score(record, "first_reach")),
        cell(score(record, "reach_rate"), 2),
        *(number(valid and valid[kind], 2) for kind in ("single", "chosen")),
        EMPTY if latency is None else number(latency["p50"]),
    ]


def _picture(study: Study, ablation: Ablation) -> list[str]:
    name = f"figures/{ablation.name}.png"
    return [f"![{ablation.title}]({name})"] if (study.pages / name).is_file() else []
