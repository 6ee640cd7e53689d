"""The README's tables of custom maps."""

from typing import Any

import numpy as np

from dfplan.cli.common import console
from dfplan.evaluation.bootstrap import mean_interval
from dfplan.runs.run import Run
from experiments.common import records
from experiments.common.markdown import cell, number, table
from experiments.common.pages import fill_readme
from experiments.maze2d.custom_maps import CUSTOM_MAPS
from experiments.maze2d.study import HERE, Study

GOAL = "random"
REFERENCES = {"controller": "the data's controller, knows the map", "bound": "hard bound"}
HEADER = ("reach rate", "success rate", "first reach, steps", "tokens", "one plan, ms")


def write_custom_maps(study: Study) -> None:
    """Write the tables of a study's custom maps that are measured so far, and print them."""
    tables = [_map_table(study, name) for name in study.mazes]
    text = "\n\n".join(filter(None, tables)) or "Not measured yet."
    fill_readme(study.pages, HERE / "README.md", {"maps": text})
    console.print(text)


def _map_table(study: Study, name: str) -> str:
    """Return the table of one map, or "" if it is not measured."""
    seed = study.seeds[0]
    planner = records.read(study.result(name, seed, GOAL))
    if planner is None:
        return ""
    tokens = Run.load(study.run(name, seed)).config.data.tokens
    latency = planner["metrics"]["latency_ms"]["p50"]
    rows = [["**dfplan**", *_reach_cells(planner), str(tokens), number(latency)]]
    for key, label in REFERENCES.items():
        if (record := records.read(study.reference(name, GOAL, key))) is not None:
            rows.append([label, *_reach_cells(record), "", ""])
    cells = CUSTOM_MAPS[name]["maze_map"]
    title = f"**{name}**, {len(cells)} × {len(cells[0])} cells, {planner['episodes']} episodes"
    return f"{title}\n\n{table(['', *HEADER], rows)}"


def _reach_cells(record: dict[str, Any]) -> list[str]:
    """Return reach rate, success rate and first reach with their intervals."""

    def metric(name: str) -> dict[str, float]:
        return mean_interval(np.array([record["per_episode"][name]]))

    return [
        cell(metric("reach_rate"), 2),
        cell(metric("success_rate"), 2),
        cell(metric("first_reach")),
    ]
