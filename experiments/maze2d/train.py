"""Train the networks of the table and of the ablations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.common.commands import option_list
from experiments.common.training import train_to_end
from experiments.maze2d.study import Study, task_arguments


def train(study: Study) -> None:
    """Train one run per maze and training seed, with the default preset and no other setting."""
    for maze in study.mazes:
        for seed in study.seeds:
            train_run(study.run(maze, seed), maze, seed)


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
