"""Collect the data and train the networks of the study."""

from experiments.common.commands import collect_once
from experiments.common.training import train_to_end
from experiments.manipulation.study import DATA_STEPS, Study, suite_task


def collect(study: Study) -> None:
    """Collect each task's data with the public command line.

    Raises:
        SystemExit: If the command fails, with its exit code.
    """
    for name in study.names:
        task = suite_task(name)
        collect_once(task.dataset, [task.name, "--steps", str(DATA_STEPS[name])])


def train(study: Study) -> None:
    """Train one run per task and training seed, with the task's preset and no other setting.

    Raises:
        SystemExit: If a command fails or is interrupted, with its exit code.
    """
    for name in study.names:
        for seed in study.seeds:
            directory = study.run(name, seed)
            command = ["train", suite_task(name).name, "--training.seed", str(seed)]
            train_to_end(directory, [*command, "--out", str(directory)])
