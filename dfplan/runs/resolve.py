"""Run lookup: a run by its directory, or the pretrained run of a task by the task's name."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dfplan.planner.config import PlannerConfig
from dfplan.planner.plan import Weights
from dfplan.runs.run import Run, load_weights
from dfplan.tasks.load import checkpoint_folder
from dfplan.tasks.registry import all_tasks, nearest_first
from dfplan.tasks.trust import trust
from dfplan.types import UserError


class ResolvedRun(NamedTuple):
    """A run and its location.

        resolved = resolve_run("pointmaze-umaze").with_planner({"candidates": 16})
        agent = Agent.from_run(resolved.run, resolved.load_weights())

    Attributes:
        run: Run. If it was looked up by the name of a task, its task is that one.
        directory: Directory of the run.
        name: Name in results: the directory as given, or the task's "package:folder".
    """

    run: Run
    directory: Path
    name: str

    def with_planner(self, changes: Mapping[str, Any]) -> "ResolvedRun":
        """Return the run with some planner settings changed; see `Run.with_planner`.

        Raises:
            UserError: If a setting is unknown or out of range.
        """
        return self._replace(run=self.run.with_planner(changes))

    def replace_planner(self, planner: PlannerConfig) -> "ResolvedRun":
        """Return the run with all planner settings replaced."""
        return self._replace(run=self.run.replace_planner(planner))

    def trust(self) -> "ResolvedRun":
        """Return a run that may import the code that it names; see `dfplan.tasks.trust`."""
        return self._replace(run=dataclasses.replace(self.run, task=trust(self.run.task)))

    def load_weights(self) -> Weights:
        """Return the newest weights.

        Raises:
            UserError: If there is no checkpoint, or it is damaged.
        """
        return load_weights(self.run, self.directory)


def resolve_run(name: Path | str, *, trust_code: bool = False) -> ResolvedRun:
    """Return the run in a directory, or the pretrained run of a task.

    A directory that holds a run takes precedence over a task of the same name. Several tasks may
    share one pretrained run: environment, score and tracker are those of the named task as
    installed now; weights, settings and the training dataset are the run's.

    Args:
        name: Directory of a run, or name of a task.
        trust_code: Whether to import the functions and environments that the run in a directory
            names from any module; by default only those that an installed package declares.

    Raises:
        UserError: If the name is neither of these, the task has no pretrained run, or the run is
            damaged.
    """
    if not isinstance(name, str | os.PathLike):
        raise UserError(f"the run is {name!r}; needed: a directory or the name of a task")
    path = Path(name)
    if (path / "config.json").is_file():
        resolved = ResolvedRun(Run.load(path), path, str(path))
        return resolved.trust() if trust_code else resolved
    tasks = all_tasks()
    if str(name) not in tasks:
        pretrained = (task for task, record in tasks.items() if record.checkpoint)
        raise UserError(
            f"{name} is neither a run (it has no config.json) nor a task with a checkpoint; "
            f"valid tasks: {nearest_first(str(name), pretrained)}"
        )
    task = tasks[str(name)]
    if not task.checkpoint:
        raise UserError(
            f"task {name} comes with no checkpoint; "
            f"train one with dfplan train {name} --out RUN and pass RUN instead"
        )
    directory = checkpoint_folder(task)
    run = Run.load(directory)
    task = dataclasses.replace(task, dataset=run.task.dataset)
    return ResolvedRun(dataclasses.replace(run, task=task), directory, task.checkpoint)
