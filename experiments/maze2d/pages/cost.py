"""What a trained run has cost: minutes of training and parameters, from its own files."""

import json
from pathlib import Path

from dfplan.model import parameter_count
from dfplan.run import Run, load_weights
from dfplan.training.step import Recipe
from experiments.maze2d import records
from experiments.maze2d.train import CPU_FILE


def training_cost(directory: Path) -> dict[str, float | int | str | None]:
    """Wall minutes, CPU minutes, cores, parameters, and the fingerprint of the data of a run.

    Wall minutes are those of the optimiser's steps, compilation included, by the throughput that
    `metrics.jsonl` notes; loading data and writing checkpoints are not in them. CPU minutes are
    those of the whole command; None where it was not this experiment that ran it.
    """
    run = Run.load(directory)
    cpu = records.read(directory / CPU_FILE) or {"cpu_seconds": None, "cores": None}
    return {
        "wall_minutes": wall_seconds(directory, run) / 60,
        "cpu_minutes": cpu["cpu_seconds"] and cpu["cpu_seconds"] / 60,
        "cores": cpu["cores"],
        "steps": run.config.training.steps,
        "parameters": parameter_count(load_weights(run, directory).params),
        "dataset": run.fingerprint[:16],
    }


def wall_seconds(directory: Path, run: Run) -> float:
    """Seconds of optimiser steps, compilation included."""
    tokens = Recipe(run.model, run.config.data, run.config.training).tokens_per_step
    seconds, before = 0.0, 0
    for line in (directory / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        seconds += tokens * (record["step"] - before) / record["tokens_per_second"]
        before = record["step"]
    return seconds
