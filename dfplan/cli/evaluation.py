"""The arguments of `dfplan eval`, and the evaluation that they describe."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import tyro

from dfplan.cli.common import (
    File,
    Flag,
    Folder,
    Integer,
    Text,
    check_at_least,
    check_seed,
    choose_env,
    console,
)
from dfplan.cli.ray_args import RayArgs, RayOptions
from dfplan.cli.runs import parse_with_run
from dfplan.evaluation.play import NUM_ENVS
from dfplan.evaluation.time_limit import limit_steps, time_limit
from dfplan.planner.config import PlannerConfig
from dfplan.runs.resolve import ResolvedRun
from dfplan.tasks.make_env import make_env
from dfplan.tasks.perturb import Perturbation, parse_perturbation, perturbed
from dfplan.tasks.protocols import PROTOCOLS, EvaluationProtocol, assign_tasks
from dfplan.tasks.registry import Task

Runs = Annotated[
    Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN ...", help_behavior_hint="")
]


@dataclasses.dataclass(frozen=True)
class Args:
    """Evaluate a trained planner in its environment.

    The planner settings default to those of the run. Episode i has the seed `--seed` + i;
    report results only on seeds that were not used to choose settings.

    Attributes:
        run: Run directory, or a task name for its pretrained planner (see `dfplan tasks`). Several
            runs are compared in a table. They must precede the options.
        episodes: Number of episodes.
        num_envs: Largest number of episodes played at once; results depend on it by rounding alone.
        seed: Seed of the first episode.
        task: Another task to evaluate on, with the same states and actions.
        env: Another Gymnasium id to evaluate on, with the same states and actions.
        env_kwargs: Arguments of gymnasium.make as a JSON object.
        perturb: Perturbation NAME=VALUE[,OPTION=VALUE...], such as obs_noise=0.2,0.2,0,0 or
            push=0.5,duration=10. Repeat the option to combine several; the first one is applied
            closest to the environment. Dropouts switch on `planner.sensing.missing` automatically;
            declare noise with `--planner.sensing.observation-noise`.
        max_steps: Maximum episode length, for environments without a time limit of their own.
        protocol: Evaluation protocol, the task's own by default: seeds (episode i is reset with its
            seed), ogbench (five tasks; the official number is 250 episodes), or one that another
            package registers.
        baselines: Also evaluate random actions and the dataset's controller, on the same seeds.
        out: Directory for result.json, plans.png, denoising.gif and episode.gif; of several runs,
            each has a directory in it. An interrupted command continues there where it ended.
        trust_code: Import all code that the run names (environment, tracker, policy), also from
            the current directory; by default only what installed packages declare.
        json: Also write the result to this file.
    """

    run: Runs
    episodes: int = 50
    num_envs: int = NUM_ENVS
    seed: int = 1000
    task: Text = None
    env: Text = None
    env_kwargs: Text = None
    perturb: Annotated[
        tuple[str, ...],
        tyro.conf.UseAppendAction,
        tyro.conf.arg(metavar="STR", help_behavior_hint="(repeatable)"),
    ] = ()
    max_steps: Integer = None
    protocol: Text = None
    baselines: Flag = False
    out: Folder = None
    trust_code: Flag = False
    json: File = None
    ray: RayOptions = RayArgs()
    planner: PlannerConfig = PlannerConfig()


class Evaluation(NamedTuple):
    """An evaluation whose settings have been checked.

    Attributes:
        argv: Arguments of the command.
        args: The same, parsed.
        resolved: Run, with the planner settings of the command line.
        task: Task to evaluate on.
        protocol: Its evaluation protocol.
        make: Function that makes the environment, with any perturbations.
        env: Environment that it has made.
        max_steps: Time limit of an episode.
    """

    argv: tuple[str, ...]
    args: Args
    resolved: ResolvedRun
    task: Task
    protocol: EvaluationProtocol
    make: Callable[..., Any]
    env: Any
    max_steps: int

    @property
    def seeds(self) -> np.ndarray:
        """Seeds of the episodes, `[E]`."""
        return np.arange(self.args.seed, self.args.seed + self.args.episodes)


def prepare(argv: tuple[str, ...]) -> Evaluation:
    """Return the evaluation of one run that arguments describe.

    Raises:
        UserError: If the arguments do not fit each other, the run or the environment.
    """
    args, resolved = parse_with_run(Args, "eval", argv)
    check_at_least(1, episodes=args.episodes, num_envs=args.num_envs, max_steps=args.max_steps)
    check_seed(args.seed)
    args.ray.check()
    perturbations = [parse_perturbation(text) for text in args.perturb]
    run = resolved.run
    if any(perturbation.drops for perturbation in perturbations):
        run = run.with_planner({"sensing.missing": True})
    task = _choose_task(run.task, args)
    protocol: EvaluationProtocol = PROTOCOLS.make(task.protocol)
    assign_tasks(protocol, args.episodes)  # checked before the environment, which can be slow
    make = functools.partial(_make_perturbed, task, perturbations)
    env = make()
    max_steps = time_limit(env, "--max-steps")
    run.check_env(env)
    return Evaluation(
        argv=argv,
        args=args,
        resolved=resolved._replace(run=run),
        task=task,
        protocol=protocol,
        make=make,
        env=env,
        max_steps=max_steps,
    )


def _make_perturbed(task: Task, perturbations: list[Perturbation], **kwargs: Any) -> Any:
    return perturbed(make_env(task.env, task.env_kwargs, **kwargs), perturbations)


def _choose_task(task: Task, args: Args) -> Task:
    """Return the run's task with the changes of the command line."""
    task = choose_env(task, args.task, args.env, env_kwargs=args.env_kwargs)
    task = dataclasses.replace(task, protocol=args.protocol or task.protocol)
    return limit_steps(task, args.max_steps)


def note_missing_goal(evaluation: Evaluation) -> None:
    """Print a note if the planner has a goal that neither observations nor the protocol give."""
    layout = evaluation.resolved.run.layout
    env = evaluation.task.env
    if layout.goal_dim and not (layout.gives_goal or evaluation.protocol.gives_goals):
        console.print(
            f"note: observations of {env} contain no goal, so the planner gets none; "
            "train with --goal-from or --goal-value, or pass a goal to Agent.act in Python"
        )
