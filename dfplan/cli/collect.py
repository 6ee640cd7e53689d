"""`dfplan collect`."""

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

from dfplan.cli.common import (
    File,
    Integer,
    TaskName,
    Text,
    check_at_least,
    check_outputs,
    check_seed,
    choose_task,
    console,
    parse,
    write_json,
)
from dfplan.cli.own_code import load_own_function
from dfplan.cli.progress_bar import step_bar
from dfplan.data.collect import collect, collect_with
from dfplan.data.store.write import check_new_dataset_id
from dfplan.tasks.load import load_function
from dfplan.tasks.make_env import make_env
from dfplan.tasks.registry import Task
from dfplan.types import UserError, one_line


@dataclasses.dataclass(frozen=True)
class Args:
    """Collect a dataset and write it to the local Minari directory ($MINARI_DATASETS_PATH).

    A task comes with its own controller. For any other environment (--env and --dataset), provide a
    controller with --policy. Without one, actions are random: enough to try the tools, but rarely
    enough to plan well.

    Attributes:
        task: Name of a task; see `dfplan tasks`.
        env: Gymnasium id, instead of the task's.
        dataset: Minari id to write, instead of the task's; must not exist yet.
        policy: Policy that acts, as "module:function"; the module may be in the current directory.
            Either function(env, seed=...), which returns an object with act(observation) for each
            episode, or function(observation), which returns the action.
        env_kwargs: Arguments of gymnasium.make as a JSON object, such as '{"maze_map": [...]}'.
        steps: Number of control steps; the task's own number by default.
        seed: Random seed; the same seed gives the same data.
        json: Also write a summary (dataset, steps, seconds) to this file.
    """

    task: TaskName = ""
    env: Text = None
    dataset: Text = None
    policy: Text = None
    env_kwargs: Text = None
    steps: Integer = None
    seed: int = 0
    json: File = None


def main(argv: Sequence[str]) -> int:
    """Collect a dataset."""
    args = parse(Args, "collect", argv)
    task = choose_task(args.task, args.env, args.dataset, env_kwargs=args.env_kwargs)
    steps = task.collect_steps if args.steps is None else args.steps
    check_at_least(1, steps=steps)
    check_seed(args.seed)
    check_new_dataset_id(task.dataset)
    make_env(task.env, task.env_kwargs).close()
    check_outputs(args.json)
    collector = _collector(task, args.policy)
    start_time = time.perf_counter()
    with step_bar("collecting", steps) as advance:
        try:
            collector(
                task.env,
                task.dataset,
                steps=steps,
                seed=args.seed,
                env_kwargs=dict(task.env_kwargs),
                progress=advance,
            )
        except (ValueError, TypeError) as error:
            raise UserError(one_line(error)) from error
    seconds = time.perf_counter() - start_time
    console.print(f"{task.dataset}: {steps:,} steps in {seconds:.1f} s")
    write_json(args.json, {"dataset": task.dataset, "steps": steps, "seconds": seconds})
    return 0


def _collector(task: Task, policy: str | None) -> Callable[..., Any]:
    """Return the function that collects: the task's own unless there is a policy."""
    if task.collector and not policy:
        return functools.partial(collect_with, load_function(task.collector))
    if policy:
        return functools.partial(collect, policy=load_own_function(policy))
    if task.policy:
        return functools.partial(collect, policy=load_function(task.policy))
    return collect
