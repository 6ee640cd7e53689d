"""Train the networks with the public command line; what is begun goes on, what is done stays."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from dfplan.cli import main
from dfplan.cli.common import console
from experiments.maze2d import records
from experiments.maze2d.evaluate import is_trained
from experiments.maze2d.study import Study, arguments

CPU_FILE = "cpu.json"


def train(study: Study) -> None:
    """Train one run per maze and training seed, with the default preset and no other setting."""
    for maze in study.mazes:
        for seed in study.seeds:
            train_run(study.run(maze, seed), maze, seed)


def train_run(
    directory: Path, maze: str, seed: int, settings: Mapping[str, Any] | None = None
) -> None:
    """Train a run on a maze; as `train_command`.

    Args:
        directory: of the run.
        maze: names the task. seed: of the training.
        settings: dotted settings other than the default preset's.
    """
    train_command(directory, new_command(directory, maze, seed, settings))


def train_command(directory: Path, new: list[str]) -> None:
    """Train a run to its end, from the start or from where it was interrupted.

    Args:
        directory: of the run.
        new: arguments of `dfplan` that begin it.

    Raises:
        SystemExit: with the command's exit code, when it fails or is interrupted.
    """
    if is_trained(directory):
        console.print(f"{directory}: trained before")
        return
    begun = (directory / "config.json").is_file()
    command = resume_command(directory) if begun else new
    begin = time.process_time()
    code = main(command)
    if directory.is_dir():
        _note_cpu(directory, begun, time.process_time() - begin)
    jax.clear_caches()  # the next network's programs are others
    if code:
        raise SystemExit(code)


def new_command(
    directory: Path, maze: str, seed: int, settings: Mapping[str, Any] | None = None
) -> list[str]:
    """Arguments of `dfplan` that train a new run."""
    command = ["train", *arguments(maze), "--training.seed", str(seed)]
    return [*command, *option_list(settings or {}), "--out", str(directory)]


def option_list(settings: Mapping[str, Any]) -> list[str]:
    """Dotted settings as options of the command line."""
    options = []
    for name, value in settings.items():
        option = f"--{name.replace('_', '-')}"
        options += [option] if value is True else [option, str(value)]
    return options


def resume_command(directory: Path) -> list[str]:
    """Arguments of `dfplan` that go on with a run."""
    return ["train", "--out", str(directory), "--resume"]


def _note_cpu(directory: Path, begun: bool, seconds: float) -> None:
    """Add to the CPU time that the run has cost; one begun elsewhere stays without."""
    before = records.read(directory / CPU_FILE)
    if begun and before is None:
        return
    total = seconds + (before["cpu_seconds"] if before else 0.0)
    records.write(directory / CPU_FILE, {"cpu_seconds": total, "cores": _cores()})


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
