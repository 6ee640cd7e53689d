"""`dfplan tasks`."""

import dataclasses
from collections.abc import Container, Mapping, Sequence

from dfplan.cli.common import File, console, parse, write_json
from dfplan.data.store.listing import local_ids
from dfplan.tasks.load import checkpoint_folder
from dfplan.tasks.registry import Task, all_tasks
from dfplan.types import UserError


@dataclasses.dataclass(frozen=True)
class Args:
    """List the tasks of the installed packages.

    The columns show whether a task's dataset is on this machine, and whether the task comes with a
    pretrained planner.

    Attributes:
        pretrained: List only the tasks with a pretrained planner.
        json: Also write the tasks' full records (environment, dataset, settings) to this file.
    """

    pretrained: bool = False
    json: File = None


def main(argv: Sequence[str]) -> int:
    """Print the tasks."""
    args = parse(Args, "tasks", argv)
    tasks = all_tasks()
    if not tasks:
        console.print("no tasks installed; pip install dfplan-envs")
    pretrained = {name for name, task in tasks.items() if _is_pretrained(task)}
    if args.pretrained:
        tasks = {name: task for name, task in tasks.items() if name in pretrained}
    write_json(args.json, {name: task.to_dict() for name, task in tasks.items()})
    if tasks:
        _print_table(tasks, pretrained)
    return 0


def _print_table(tasks: Mapping[str, Task], pretrained: Container[str]) -> None:
    datasets = local_ids()
    width = max(map(len, tasks)) + 2
    console.print(f"{'task':<{width}}data   pretrained  description")
    for name, task in tasks.items():
        data = "local" if task.dataset in datasets else "-"
        planner = "yes" if name in pretrained else "-"
        console.print(f"{name:<{width}}{data:<7}{planner:<12}{task.description}")


def _is_pretrained(task: Task) -> bool:
    if not task.checkpoint:
        return False
    try:
        return (checkpoint_folder(task) / "config.json").is_file()
    except UserError:  # A damaged installation, which `dfplan eval` explains.
        return False
