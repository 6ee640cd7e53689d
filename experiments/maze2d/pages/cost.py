"""Training cost of a run: minutes and parameters, read from the run's own files."""

import json
from pathlib import Path

from dfplan.model import parameter_count
from dfplan.runs.run import Run, load_weights
from dfplan.training.step import TrainSpec
from experiments.common import records
from experiments.common.training import CPU_FILE


def training_cost(directory: Path) -> dict[str, float | int | str | None]:
    """Return a run's wall minutes, CPU minutes, cores, steps, parameters and data fingerprint.

    Wall minutes cover the optimizer steps, compilation included, at the throughput recorded in
    `metrics.jsonl`; loading data and writing checkpoints are not included. CPU minutes cover the
    whole command; they are None if the run was not trained by these experiments.
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
    """Return the seconds of a run's optimizer steps, compilation included."""
    tokens = TrainSpec(run.model, run.config.data, run.config.training).tokens_per_step
    seconds = 0.0
    previous_step = 0
    for line in (directory / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        seconds += tokens * (record["step"] - previous_step) / record["tokens_per_second"]
        previous_step = record["step"]
    return seconds
