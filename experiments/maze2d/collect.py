"""Collect the datasets that are not on this machine yet."""

from experiments.common.commands import collect_once
from experiments.maze2d.study import Study, maze_task, task_arguments

SEED = "0"


def collect(study: Study) -> None:
    """Collect the data of each maze with the public command line.

    Raises:
        SystemExit: If the command fails, with its exit code.
    """
    for maze in study.mazes:
        collect_once(maze_task(maze).dataset, [*task_arguments(maze), "--seed", SEED])
