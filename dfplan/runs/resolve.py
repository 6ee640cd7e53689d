"""resolve_run: a trained planner by its directory, or by the name of a task that comes with one."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

from dfplan.runs.run import Run
from dfplan.tasks.registry import all_tasks, checkpoint_folder, nearest_first
from dfplan.types import UserError


class ResolvedRun(NamedTuple):
    """A run, and where it was found.

    Attributes:
        run: what its config.json holds; under a task's name, for that task.
        directory: where it lies.
        name: what a result calls it: the directory as given, or the task's "package:folder".
    """

    run: Run
    directory: Path
    name: str


def resolve_run(name: Path | str) -> ResolvedRun:
    """The run in a directory, or the trained one that comes with a task.

    A directory that holds a run goes before a task of the same name. Several tasks may share one
    trained run: environment, score and tracker are those of the task that is named, as it is
    installed now; weights, settings and the dataset trained on are the run's.

    Args:
        name: a directory or a task.

    Raises:
        UserError: when it is neither, the task has no trained run, or the run is damaged.
    """
    path = Path(name)
    if (path / "config.json").is_file():
        return ResolvedRun(Run.load(path), path, str(path))
    tasks = all_tasks()
    if str(name) not in tasks:
        trained = (task for task, record in tasks.items() if record.checkpoint)
        raise UserError(
            f"{name} is neither a run (it has no config.json) nor a task with a checkpoint; "
            f"valid tasks: {nearest_first(str(name), trained)}"
        )
    task = tasks[str(name)]
    if not task.checkpoint:
        raise UserError(
            f"task {name} comes with no checkpoint; "
            f"train one: dfplan train {name} --out RUN, then name RUN"
        )
    directory = checkpoint_folder(task)
    run = Run.load(directory)
    task = dataclasses.replace(task, dataset=run.task.dataset)
    return ResolvedRun(dataclasses.replace(run, task=task), directory, task.checkpoint)
