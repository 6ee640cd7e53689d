"""Train the networks of the table and of the ablations."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dfplan.util.jobs import Executor, Job, LocalExecutor, Report
from experiments.common.commands import option_list
from experiments.common.jobs import run_all
from experiments.common.training import train_to_end
from experiments.maze2d.study import Study, task_arguments


def train(study: Study, executor: Executor = LocalExecutor()) -> None:
    """Train one run per maze and training seed, with the default preset and no other setting."""
    jobs = []
    for maze, seed in itertools.product(study.mazes, study.seeds):
        directory = study.run(maze, seed)
        arguments = {"directory": str(directory), "maze": maze, "seed": seed}
        jobs.append(Job(f"train {directory}", train_job, arguments))
    run_all(jobs, executor)


def train_job(arguments: dict[str, Any], report: Report) -> bytes:
    """Train a run, a job."""
    train_run(Path(arguments["directory"]), arguments["maze"], arguments["seed"])
    return b""


def train_run(
    directory: Path, maze: str, seed: int, settings: Mapping[str, Any] | None = None
) -> None:
    """Train a run on a maze to its last step.

    Args:
        directory: Directory of the run.
        maze: Name of the maze or custom map.
        seed: Training seed.
        settings: Dotted settings that differ from the default preset.

    Raises:
        SystemExit: If the command fails or is interrupted, with its exit code.
    """
    train_to_end(directory, new_command(directory, maze, seed, settings=settings))


def new_command(
    directory: Path, maze: str, seed: int, settings: Mapping[str, Any] | None = None
) -> list[str]:
    """Return the arguments of `dfplan` that train a new run."""
    command = ["train", *task_arguments(maze), "--training.seed", str(seed)]
    return [*command, *option_list(settings or {}), "--out", str(directory)]
