"""Stages of a study of several tasks: command line, data collection and training."""

import argparse
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

from experiments.common.commands import collect_once
from experiments.common.stages import run_stages, stage_parser
from experiments.common.task_study import TaskStudy
from experiments.common.training import train_to_end

Stage = Callable[[TaskStudy], None]


def task_parser(
    name: str,
    study: TaskStudy,
    stages: Mapping[str, Stage],
    description: str,
    default: Sequence[str],
) -> argparse.ArgumentParser:
    """Return a parser of the stages, tasks and training seeds of a study, and of a dry run.

    Args:
        name: Folder of the experiment.
        study: Whole study.
        stages: All stages by name.
        description: Description of the experiment.
        default: Stages that run if none is named.
    """
    parser = stage_parser(name, tuple(stages), description, default=", ".join(default))
    parser.add_argument(
        "--tasks",
        nargs="+",
        choices=study.names,
        default=study.names,
        metavar="TASK",
        help=f"tasks to run, of {', '.join(study.names)}; default: all",
    )
    return parser


def run_task_stages(
    name: str,
    study: TaskStudy,
    stages: Mapping[str, Stage],
    args: argparse.Namespace,
    default: Sequence[str],
) -> int:
    """Run the stages of the parsed command line on its part of the study.

    Args:
        name: Folder of the experiment.
        study: Whole study.
        stages: All stages by name.
        args: Result of `task_parser`.
        default: Stages that run if none is named.

    Returns:
        The exit code.
    """
    study = dataclasses.replace(study, names=tuple(args.tasks), seeds=tuple(args.seeds))
    if args.dry_run:
        study = study.dry_run(args.dry_run, args.episodes)
    bound = {name: functools.partial(stage, study) for name, stage in stages.items()}
    return run_stages(name, bound, args.stages, default=default)


def collect(study: TaskStudy, steps: Mapping[str, int] | None = None) -> None:
    """Collect each task's data with the public command line.

    Args:
        study: The study.
        steps: Control steps of each dataset, by the task's short name; other tasks keep their own
            number.

    Raises:
        SystemExit: If the command fails, with its exit code.
    """
    for name in study.names:
        task = study.task(name)
        count = (steps or {}).get(name)
        collect_once(task.dataset, [task.name, *(["--steps", str(count)] if count else [])])


def train(study: TaskStudy) -> None:
    """Train one run per task and training seed, with the task's preset and no other setting.

    Raises:
        SystemExit: If a command fails or is interrupted, with its exit code.
    """
    for name, seed in study.cases():
        directory = study.run(name, seed)
        command = ["train", study.task(name).name, "--training.seed", str(seed)]
        train_to_end(directory, [*command, "--out", str(directory)])
