"""Tasks: a Gymnasium id and a Minari id, with what a package that ships them knows about them.

A package makes its tasks known through the entry-point group `dfplan.tasks`: each entry is a
mapping from task names to the JSON form of `Task`.
"""

import dataclasses
import difflib
import functools
import importlib
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

from dfplan.types import Environment, UserError, one_line
from dfplan.util.registry import load_entry_points

GROUP = "dfplan.tasks"


@dataclasses.dataclass(frozen=True)
class Task:
    """What to plan for.

    Attributes:
        env: Gymnasium id; "module:id" imports the module that registers it. For `dfplan.runs.train`
            also an environment, or a function that makes one.
        dataset: Minari id.
        name: of a task that a package ships; empty for a user's own.
        description: one line.
        env_kwargs: arguments of `gymnasium.make`.
        collector: "module:function" that makes the dataset; empty when there is none.
        collect_steps: control steps it should have.
        policy: "module:function" that makes the data's controller, `policy(env, seed=...)`, which
            has an `act(observation)`: a reference for evaluations.
        tracker: "module:function" that follows a plan of states; see `dfplan.types.Tracker`.
        checkpoint: "package:folder" of a trained run that comes with the task; or empty.
        positions: places in the state of x, y and, where there is one, z in the world, metres, for
            films; empty when it has none.
        score: returns "min" and "max" that stand for a normalised score of 0 and 100.
        preset: settings that go with the task, dotted.
        protocol: Evaluation protocol, a name in `dfplan.tasks.protocols.PROTOCOLS`.
    """

    env: Environment
    dataset: str
    name: str = ""
    description: str = ""
    env_kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)
    collector: str = ""
    collect_steps: int = 100_000
    policy: str = ""
    tracker: str = ""
    checkpoint: str = ""
    positions: tuple[int, ...] = ()
    score: Mapping[str, float] | None = None
    preset: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    protocol: str = "seeds"

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Task":
        """Inverse of `to_dict`."""
        return cls(**{**values, "positions": tuple(values.get("positions", ()))})


@functools.cache
def all_tasks() -> dict[str, Task]:
    """Return every task of the installed packages, by name.

    A package whose tasks cannot be loaded is left out with a warning, so that it does not hide the
    others.
    """
    tasks: dict[str, Task] = {}
    for _, package in load_entry_points("tasks of", entry_points(group=GROUP), _from_records):
        tasks |= package
    return tasks


def _from_records(records: Mapping[str, Mapping[str, Any]]) -> dict[str, Task]:
    return {name: Task.from_dict({"name": name, **r}) for name, r in sorted(records.items())}


def get_task(name: str) -> Task:
    """The task of that name.

    Raises:
        UserError: on an unknown name, with the nearest ones first.
    """
    tasks = all_tasks()
    if name not in tasks:
        raise UserError(f"unknown task {name!r}; valid: {nearest_first(name, tasks)}")
    return tasks[name]


def nearest_first(name: str, tasks: Iterable[str]) -> str:
    """Names of tasks in one line, those like `name` first."""
    tasks = list(tasks)
    near = difflib.get_close_matches(name, tasks, n=len(tasks) or 1, cutoff=0.6)
    names = [*near, *(t for t in tasks if t not in near)]
    return ", ".join(names) or "none (install dfplan-envs)"


def checkpoint_folder(task: Task) -> Path:
    """Where the trained run that comes with a task lies.

    Raises:
        UserError: when its package is not installed, or not as plain files, or has no such folder.
    """
    package, _, folder = task.checkpoint.partition(":")
    try:
        place = files(package) / folder
    except (ImportError, TypeError, ValueError) as error:
        raise UserError(f"checkpoint {task.checkpoint!r}: {one_line(error)}") from error
    if not isinstance(place, Path):
        raise UserError(
            f"checkpoint {task.checkpoint!r} lies in {place}, an archive; "
            f"install {package} as plain files, with pip"
        )
    if not place.is_dir():
        raise UserError(
            f"checkpoint {task.checkpoint!r}: there is no {place}; install {package} anew"
        )
    return place


def load_function(path: str) -> Callable[..., Any]:
    """The function that "module:function" names.

    Raises:
        UserError: when the module or the function does not exist, or is none.
    """
    module, _, name = path.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever happens in someone else's module
        reason = one_line(error)
        raise UserError(f"cannot load {path!r} ({reason}); expected 'module:function'") from error
    if not callable(function):
        raise UserError(f"{path!r} is a {type(function).__name__}; expected 'module:function'")
    return function
