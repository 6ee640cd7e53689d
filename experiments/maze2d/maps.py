"""Maps that are in no preset: collected, trained and evaluated with the same settings."""

import dataclasses
from typing import Any

import numpy as np

from dfplan.cli.common import console
from dfplan.run import Run
from experiments.maze2d import records
from experiments.maze2d.bootstrap import mean_interval
from experiments.maze2d.collect import collect
from experiments.maze2d.evaluate import evaluate
from experiments.maze2d.markdown import cell, number, table
from experiments.maze2d.own_maps import OWN
from experiments.maze2d.pages import fill_readme
from experiments.maze2d.reference import measure_references
from experiments.maze2d.study import Study
from experiments.maze2d.train import train

GOAL = "random"
ROWS = {"controller": "the data's controller, knows the map", "bound": "hard bound"}
HEADER = ("reach rate", "success rate", "first reach, steps", "tokens", "one plan, ms")


def measure_maps(study: Study) -> None:
    """Collect, train and evaluate on each of the maps, with training seed 0 and random goals."""
    own = dataclasses.replace(study, mazes=tuple(OWN), seeds=(0,), goals=(GOAL,))
    collect(own)
    train(own)
    evaluate(own)
    measure_references(own, tuple(ROWS))
    write_maps(own)


def write_maps(study: Study) -> None:
    """Write the README's table of the maps of a study, as far as they are measured."""
    parts = [_map(study, name) for name in study.mazes]
    text = "\n\n".join(part for part in parts if part) or "Not measured yet."
    fill_readme(study, "maps", text)
    console.print(text)


def _map(study: Study, name: str) -> str:
    planner = records.read(study.result(name, study.seeds[0], GOAL))
    if planner is None:
        return ""
    tokens = Run.load(study.run(name, study.seeds[0])).config.data.tokens
    latency = planner["metrics"]["latency_ms"]["p50"]
    rows = [["**dfplan**", *_reached(planner), str(tokens), number(latency)]]
    for key, label in ROWS.items():
        if (record := records.read(study.reference(name, GOAL, key))) is not None:
            rows.append([label, *_reached(record), "", ""])
    size = " × ".join(str(n) for n in np.array([list(r) for r in OWN[name]["maze_map"]]).shape)
    title = f"**{name}**, {size} cells, {planner['episodes']} episodes"
    return f"{title}\n\n{table(['', *HEADER], rows)}"


def _reached(record: dict[str, Any]) -> list[str]:
    def found(metric: str) -> dict[str, float]:
        return mean_interval(np.array([record["per_episode"][metric]]))

    rates = [cell(found(name), 2) for name in ("reach_rate", "success_rate")]
    return [*rates, cell(found("first_reach"))]
