"""Collect the datasets that are not on this machine yet."""

from typing import Any

from dfplan.util.jobs import Executor, Job, LocalExecutor, Report
from experiments.common.commands import collect_once
from experiments.common.jobs import run_all
from experiments.maze2d.study import Study, maze_task, task_arguments

SEED = "0"


def collect(study: Study, executor: Executor = LocalExecutor()) -> None:
    """Collect the data of each maze with the public command line.

    Raises:
        SystemExit: If the command fails, with its exit code.
    """
    jobs = [Job(f"collect {maze}", collect_maze, {"maze": maze}) for maze in study.mazes]
    run_all(jobs, executor)


def collect_maze(arguments: dict[str, Any], report: Report) -> bytes:
    """Collect the data of a maze, a job."""
    maze = arguments["maze"]
    collect_once(maze_task(maze).dataset, [*task_arguments(maze), "--seed", SEED])
    return b""
