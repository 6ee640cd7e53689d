"""Delays of the planning, bridged in three ways: python -m experiments.chunking.run.

Delays are simulated in control steps, so the results do not depend on the machine.
"""

import argparse
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.cli.common import console
from dfplan.data.collect import collect
from dfplan.data.store.listing import local_ids
from dfplan.runs.presets import make_config
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import Run, Weights
from dfplan.runs.train import train
from dfplan.tasks.registry import Task
from dfplan.util.compilation_cache import enable_compilation_cache
from experiments.chunking.execution import EXECUTIONS
from experiments.chunking.measure import Motion, measure
from experiments.common import reacher
from experiments.common.markdown import cell, table
from experiments.common.pages import fill_readme
from experiments.common.records import measure_once, read

PAGES = Path(__file__).parent
DELAYS = (0, 1, 2, 3, 4, 8)
SEED = 13_000
EPISODES = 20
COLUMNS = ("delay", "execution", "return", "jerk", "mean jump", "largest jump", "other steps")

REACHER = Task("Reacher-v5", "own/reacher-smooth-v0")
CONTROLLER = {"gains": (2.0, 16.0), "noise": 0.2, "persistence": 0.97}
"""Reacher's data: a fast arm with smooth noise. In white noise no switch would stand out."""
REACHER_SETTINGS = {
    "net.width": 64,
    "training.steps": 1_500,
    "data.stride": 3,
    "data.tokens": 17,
    "data.rest_dims": (6, 7),
    "data.actions": True,
    "planner.low_level_controller": "diffused",
    "planner.candidates": 16,
    "planner.replan_every": 4,
    "planner.goal.tolerance": 0.02,
}
PREFIX = {"training.objective.prefix_tokens": 3}
"""Training with clean prefixes of up to three tokens: 9 control steps, just above the delays."""
REACHER_RUNS = {"reacher": {}, "reacher-prefix": PREFIX}
TASKS = {
    "reacher": Motion(rates=(6, 7), period=0.02),
    "reacher-prefix": Motion(rates=(6, 7), period=0.02),
    "pointmaze-umaze": Motion(rates=(2, 3), period=0.01),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what is not measured yet, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m experiments.chunking.run", description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--delays", type=int, nargs="+", default=DELAYS)
    parser.add_argument("--episodes", type=int, default=EPISODES)
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the first episode")
    parser.add_argument("--runs", type=Path, default=Path("runs/chunking"))
    parser.add_argument("--out", type=Path, default=PAGES)
    args = parser.parse_args(argv)
    enable_compilation_cache()
    seeds = args.seed + np.arange(args.episodes)
    for name in args.tasks:
        measure_task(name, args.delays, seeds, runs=args.runs, out=args.out / "results" / name)
    sections = {name: result_table(args.out / "results" / name) for name in args.tasks}
    fill_readme(args.out, PAGES / "README.md", sections)
    for name, text in sections.items():
        console.print(name, text, sep="\n\n")


def measure_task(
    name: str, delays: Sequence[int], seeds: np.ndarray, *, runs: Path, out: Path
) -> None:
    """Measure what is not measured yet of a task."""
    run, weights = load(name, runs)
    for delay in delays:
        for execution in _executions(name, delay):
            settings = {"execution": execution, "delay": delay}
            measure_once(
                out / f"{execution}-{delay}.json",
                {**settings, "seeds": seeds.tolist()},
                functools.partial(measure, run, weights, TASKS[name], seeds=seeds, **settings),
            )


def load(name: str, runs: Path) -> tuple[Run, Weights]:
    """Return the pretrained run of a task, or train that of Reacher."""
    if name in REACHER_RUNS:
        name = str(train_reacher(runs / name, REACHER_RUNS[name]))
    resolved = resolve_run(name)
    return resolved.run, resolved.load_weights()


def train_reacher(run: Path, settings: Mapping[str, Any]) -> Path:
    """Train a planner with diffused actions for Reacher, unless the run exists."""
    if REACHER.dataset not in local_ids():
        controller = functools.partial(reacher.Controller, **CONTROLLER)
        collect(REACHER.env, REACHER.dataset, steps=60 * 50, policy=controller)
    if not run.exists():
        config = make_config(REACHER, "small").override({**REACHER_SETTINGS, **settings})
        train(REACHER, config, run, goal_dims=(8, 9), goal_value=(0.0, 0.0))
    return run


def _executions(name: str, delay: int) -> Sequence[str]:
    """Return the executions to measure; training with prefixes concerns committed ones."""
    if not delay:
        return EXECUTIONS[:1]
    return ("committed",) if name == "reacher-prefix" else EXECUTIONS


def result_table(folder: Path) -> str:
    """Return the results of a task as Markdown."""
    records = [record for file in folder.glob("*.json") if (record := read(file))]
    records.sort(key=_order)
    rows = []
    for record in records:
        request = record["request"]
        execution = request["execution"] if request["delay"] else ""
        rows.append((str(request["delay"]), execution, *_cells(record)))
    return table(COLUMNS, rows, text=(1,))


def _order(record: dict[str, Any]) -> tuple[int, int]:
    request = record["request"]
    return request["delay"], EXECUTIONS.index(request["execution"])


def _cells(record: dict[str, Any]) -> list[str]:
    digits = {"score": 1, "jerk": 0, "mean_jump": 3, "largest_jump": 3, "step": 3}
    return [cell(record[name], places) for name, places in digits.items()]


if __name__ == "__main__":
    main()
