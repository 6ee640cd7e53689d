"""The arguments of `dfplan collect`, and the collection that they describe."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dfplan.cli.common import (
    File,
    Integer,
    TaskName,
    Text,
    check_at_least,
    check_seed,
    choose_task,
    parse,
)
from dfplan.cli.own_code import load_own_function
from dfplan.cli.ray_args import RayArgs, RayOptions
from dfplan.tasks.load import load_function
from dfplan.tasks.registry import Task
from dfplan.types import UserError


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
    ray: RayOptions = RayArgs()


class Collection(NamedTuple):
    """A collection whose settings have been checked.

    Attributes:
        args: Arguments of the command.
        task: Task, whose dataset is collected.
        steps: Number of control steps.
        collector: The task's own collector of all episodes; None if a policy acts.
        policy: Policy that acts; None for random actions, or with a collector.
    """

    args: Args
    task: Task
    steps: int
    collector: Callable[..., Any] | None
    policy: Callable[..., Any] | None


def prepare(argv: Sequence[str]) -> Collection:
    """Return the collection that arguments describe.

    Raises:
        UserError: If the arguments do not fit each other, or name unknown code.
    """
    args = parse(Args, "collect", argv)
    task = choose_task(args.task, args.env, args.dataset, env_kwargs=args.env_kwargs)
    steps = task.collect_steps if args.steps is None else args.steps
    check_at_least(1, steps=steps)
    check_seed(args.seed)
    args.ray.check()
    policy = None
    collector = None
    if args.policy and ":" not in args.policy:
        default = "the task's controller" if task.collector or task.policy else "random actions"
        raise UserError(
            f"--policy {args.policy!r} is not 'module:function'; leave it out for {default}"
        )
    if args.policy:
        policy = load_own_function(args.policy)
    elif task.collector:
        collector = load_function(task.collector)
    elif task.policy:
        policy = load_function(task.policy)
    return Collection(args, task, steps, collector=collector, policy=policy)
