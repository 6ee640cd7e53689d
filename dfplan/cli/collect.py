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
    check_outputs,
    check_seed,
    choose_task,
    console,
    need_at_least,
    parse,
    write_json,
)
from dfplan.cli.progress import step_bar
from dfplan.data.collect import atomic_dataset, check_new_dataset_id, collect
from dfplan.tasks.make_env import make_env
from dfplan.tasks.registry import Task, load_function
from dfplan.types import UserError, one_line


@dataclasses.dataclass(frozen=True)
class Args:
    """Make a dataset and write it to the local Minari folder ($MINARI_DATASETS_PATH).

    A task brings its own controller. In any other environment (--env and --dataset) --policy names
    yours; without one the actions are random, which is enough to try the tools and rarely to plan
    well.

    Attributes:
        task: name of a task; see `dfplan tasks`.
        env: Gymnasium id, instead of the task's.
        dataset: Minari id to write, instead of the task's; must be free.
        policy: what acts, as "module:function", also of the current directory: either
            function(env, seed=...), which makes an object with act(observation) for each episode,
            or function(observation), which gives the action.
        env_kwargs: arguments of gymnasium.make as a JSON object, such as '{"maze_map": [...]}'.
        steps: control steps; the task's own number by default.
        seed: seeds everything; the same seed gives the same data.
        json: also write what was made to this file.
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
    task = choose_task(args.task, args.env, args.dataset, args.env_kwargs)
    steps = task.collect_steps if args.steps is None else args.steps
    need_at_least(1, steps=steps)
    check_seed(args.seed)
    check_new_dataset_id(task.dataset)
    make_env(task.env, task.env_kwargs).close()
    check_outputs(args.json)
    collector = _collector(task, args.policy)
    begin = time.perf_counter()
    with atomic_dataset(task.dataset), step_bar("collecting", steps) as advance:
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
    seconds = time.perf_counter() - begin
    console.print(f"{task.dataset}: {steps:,} steps in {seconds:.1f} s")
    write_json(args.json, {"dataset": task.dataset, "steps": steps, "seconds": seconds})
    return 0


def _collector(task: Task, policy: str | None) -> Callable[..., Any]:
    if task.collector and not policy:
        return load_function(task.collector)
    policy = policy or task.policy
    return functools.partial(collect, policy=load_function(policy)) if policy else collect
