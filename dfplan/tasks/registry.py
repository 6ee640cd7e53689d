"""Tasks: an environment and its dataset, with facts supplied by the package that ships them.

A package declares tasks through the entry-point group `dfplan.tasks`. Each entry is a mapping from
task names to the JSON form of `Task`.
"""

import dataclasses
import difflib
import functools
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any

from dfplan.types import Environment, UserError
from dfplan.util.from_json import from_json
from dfplan.util.registry import load_entry_points

GROUP = "dfplan.tasks"


@dataclasses.dataclass(frozen=True)
class Task:
    """An environment and its dataset.

    Attributes:
        env: Gymnasium id; "module:id" imports the module that registers it.
            `dfplan.runs.train.train` also accepts an environment or a function that makes one.
        dataset: Minari id.
        name: Name of a task that a package ships; empty for the user's own.
        description: Description in one line.
        env_kwargs: Arguments of `gymnasium.make`.
        collector: "module:function" that simulates the dataset's episodes, see
            `dfplan.data.collect.collect_with`; empty without one.
        collect_steps: Number of control steps to collect.
        policy: "module:function" of the data's controller, a baseline for evaluations:
            `policy(env, seed=...)` returns an object with `act(observation)`.
        tracker: "module:function" that tracks a plan of states; see `dfplan.types.Tracker`.
        checkpoint: "package:folder" of the pretrained run that ships with the task; empty without
            one.
        goal_dims: State dimensions that a goal fixes, for observations without a goal Dict.
        goal_scale: Factors of the goal's dimensions that make their distances comparable in the
            search of the planner "subgoals"; empty for ones.
        objects: State dimensions of each object that the robot moves, in groups of objects that are
            alike, for `data.single_moves`; see `dfplan.representation.objects.Objects`.
        positions: State dimensions of the world coordinates x, y and optionally z, in meters, for
            videos; empty if the state has none.
        markers: "module:function" that draws plans into MuJoCo's videos: `markers(states [T, S])`
            yields geoms with `type`, `size`, `pos`, `rgba` and rotation `mat`; empty without one.
        score: Returns "min" and "max" that correspond to normalized scores of 0 and 100.
        preset: Dotted settings that belong to the task.
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
    goal_dims: tuple[int, ...] = ()
    goal_scale: tuple[float, ...] = ()
    objects: tuple[tuple[tuple[int, ...], ...], ...] = ()
    positions: tuple[int, ...] = ()
    markers: str = ""
    score: Mapping[str, float] | None = None
    preset: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    protocol: str = "seeds"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Task":
        """Create a task from its JSON form.

        Raises:
            UserError: If an entry is unknown, missing or of another type.
        """
        return from_json(cls, values, "task")


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
    """Return the task of that name.

    Raises:
        UserError: If the name is unknown; the message lists the closest names first.
    """
    tasks = all_tasks()
    if name not in tasks:
        raise UserError(f"unknown task {name!r}; valid: {nearest_first(name, tasks)}")
    return tasks[name]


def nearest_first(name: str, tasks: Iterable[str]) -> str:
    """Return names of tasks as one line, those similar to `name` first."""
    tasks = list(tasks)
    close = difflib.get_close_matches(name, tasks, n=len(tasks) or 1, cutoff=0.6)
    names = [*close, *(t for t in tasks if t not in close)]
    return ", ".join(names) or "none (install dfplan-envs)"
