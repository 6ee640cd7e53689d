"""The tables of the ablations: ablations.md in full, and the scores in the README."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.cli.common import console
from dfplan.evaluation.bootstrap import mean_interval
from experiments.common import records
from experiments.common.markdown import EMPTY, cell, number, table
from experiments.common.pages import fill_readme, write_page
from experiments.maze2d.ablate import REFERENCES
from experiments.maze2d.ablations import ABLATIONS, Ablation
from experiments.maze2d.study import HERE, TITLES, Study

HEADER = (
    "episodes",
    "normalized",
    "first reach, steps",
    "reach rate",
    "valid plans",
    "valid chosen plans",
    "one plan, ms",
)


def write_ablations(study: Study) -> None:
    """Write the tables of what is measured so far, and print them."""
    sections = ["# Ablations"]
    score_tables = []
    for ablation in ABLATIONS.values():
        records_by_maze = gather_ablation(study, ablation)
        if records_by_maze:
            sections.append(full_table(ablation, records_by_maze))
            sections += _figure(study, ablation)
            score_tables.append(score_table(ablation, records_by_maze))
    text = "\n\n".join(sections)
    write_page(study.pages / "ablations.md", f"{text}\n")
    scores = "\n\n".join(score_tables) or "Not measured yet."
    fill_readme(study.pages, HERE / "README.md", {"ablations": scores})
    console.print(text)


def gather_ablation(study: Study, ablation: Ablation) -> dict[str, dict[str, dict[str, Any]]]:
    """Return records by maze and label, references included; unmeasured mazes are left out."""
    records_by_maze = {}
    for maze in ablation.mazes:
        labels = [variant.label for variant in ablation.variants]
        variants = _read({label: study.ablated(ablation.name, maze, label) for label in labels})
        if variants:
            references = {name: study.ablation_reference(maze, name) for name in REFERENCES}
            records_by_maze[maze] = {**variants, **_read(references)}
    return records_by_maze


def _read(paths: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Return the records of the files that exist."""
    read = {name: records.read(path) for name, path in paths.items()}
    return {name: record for name, record in read.items() if record is not None}


def full_table(ablation: Ablation, records_by_maze: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Return all metrics of an ablation, one table per maze."""
    sections = [f"## {ablation.title}"]
    if ablation.note:
        sections.append(ablation.note)
    for maze, record_by_label in records_by_maze.items():
        rows = [[label, *_cells(record)] for label, record in record_by_label.items()]
        sections.append(f"**{TITLES[maze]}**\n\n{table(['', *HEADER], rows)}")
    return "\n\n".join(sections)


def score_table(ablation: Ablation, records_by_maze: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Return the normalized scores of an ablation, one column per maze."""
    measured = {label for by_label in records_by_maze.values() for label in by_label}
    labels = (*(variant.label for variant in ablation.variants), *REFERENCES)
    rows = [
        [label, *(cell(score(by_label.get(label))) for by_label in records_by_maze.values())]
        for label in labels
        if label in measured
    ]
    header = ["", *(TITLES[maze] for maze in records_by_maze)]
    return f"**{ablation.title}**\n\n{table(header, rows)}"


def score(record: dict[str, Any] | None, name: str = "normalized_score") -> dict[str, float] | None:
    """Return a metric of a record with its interval over episodes, or None for None."""
    return record and mean_interval(np.array([record["per_episode"][name]]))


def _cells(record: dict[str, Any]) -> list[str]:
    validity = record.get("validity")
    latency = record["metrics"].get("latency_ms")
    return [
        str(record["episodes"]),
        cell(score(record)),
        cell(score(record, "first_reach")),
        cell(score(record, "reach_rate"), 2),
        *(number(validity and validity[kind], 2) for kind in ("single", "chosen")),
        EMPTY if latency is None else number(latency["p50"]),
    ]


def _figure(study: Study, ablation: Ablation) -> list[str]:
    """Return the Markdown of an ablation's figure, if there is one."""
    name = f"figures/{ablation.name}.png"
    return [f"![{ablation.title}]({name})"] if (study.pages / name).is_file() else []
