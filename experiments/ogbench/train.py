"""Collect the data and train the networks of the table."""

from experiments.common.commands import collect_once
from experiments.common.training import train_to_end
from experiments.ogbench.study import Study, maze_task


def collect(study: Study) -> None:
    """Collect each task's data with the public command line.

    Raises:
        SystemExit: If the command fails, with its exit code.
    """
    for name in study.names:
        task = maze_task(name)
        collect_once(task.dataset, [task.name])


def train(study: Study) -> None:
    """Train one run per task and training seed, with the task's preset and no other setting.

    Raises:
        SystemExit: If a command fails or is interrupted, with its exit code.
    """
    for name in study.names:
        for seed in study.seeds:
            directory = study.run(name, seed)
            command = ["train", maze_task(name).name, "--training.seed", str(seed)]
            train_to_end(directory, [*command, "--out", str(directory)])
