"""`dfplan train`."""

import dataclasses
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from dfplan.cli.common import (
    File,
    Folder,
    Integer,
    TaskName,
    Text,
    check_outputs,
    choose_env,
    choose_task,
    console,
    first_positional,
    need_at_least,
    option,
    parse,
    write_json,
)
from dfplan.cli.latest import latest_step
from dfplan.cli.progress import detail_bar
from dfplan.config import Config, flatten
from dfplan.representation.layout import Layout
from dfplan.runs.presets import make_config
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import Run
from dfplan.runs.train import resume, train
from dfplan.tasks.make_env import UnknownEnvError, make_env
from dfplan.tasks.registry import Task, get_task
from dfplan.training.loop import Report
from dfplan.types import UserError

GOAL = ("goal_dims", "goal_from", "goal_value")


@dataclasses.dataclass(frozen=True)
class Args:
    """Train a planner: dfplan train TASK --out RUN, or with --env ID --dataset ID instead of TASK.

    The settings' defaults below are those of the task and the preset that the command line names.
    An interrupted run (Ctrl-C, SIGTERM) saves itself; `--resume` goes on to the same bits.

    Attributes:
        task: name of a task, before all options; see `dfplan tasks`.
        env: Gymnasium id, instead of the task's.
        dataset: Minari id, instead of the task's.
        env_kwargs: arguments of gymnasium.make as a JSON object.
        goal_dims: places of the goal in the state, for datasets without goals of their own.
        goal_from: places in the observation where the goal to reach stands, as many.
        goal_value: the goal to reach where it is always the same, such as 0 0 for a distance.
        preset: size of network and training: small, default or large.
        init_from: a run, or a task that comes trained, whose weights this one begins with; its
            settings are the defaults then.
        out: directory of the new run; must not hold one.
        resume: go on with the run in --out, with its own settings.
        stop_step: stop at this step, to be resumed later.
        json: also write the run's last metrics to this file.
    """

    task: TaskName = ""
    env: Text = None
    dataset: Text = None
    env_kwargs: Text = None
    goal_dims: tuple[int, ...] = ()
    goal_from: tuple[int, ...] = ()
    goal_value: tuple[float, ...] = ()
    preset: str = "default"
    init_from: Text = None
    out: Folder = None
    resume: bool = False
    stop_step: Integer = None
    json: File = None
    config: Annotated[Config, tyro.conf.arg(name="")] = Config()


def main(argv: Sequence[str]) -> int:
    """Train or resume."""
    name, preset = first_positional(argv), option(argv, "--preset") or "default"
    base = get_task(name) if name else Task("", "")
    out, before = option(argv, "--out"), option(argv, "--init-from")
    run = Run.load(out) if "--resume" in argv and out else None
    if run and before:
        raise UserError("--init-from begins a new run, and --resume goes on with one: name one")
    config = resolve_run(before).run.config if before else make_config(base, preset)
    default = Args(preset=preset, config=run.config if run else config)
    args = parse(Args, "train", argv, default)
    if args.task != name:
        raise UserError(f"the task {args.task!r} must stand before all options")
    if args.out is None:
        raise UserError("--out is missing: the directory of the run")
    need_at_least(1, stop_step=args.stop_step)
    check_outputs(args.json)
    if run:
        _check_same(run, args)
    last: dict[str, float] = {}
    total = min(args.config.training.steps, args.stop_step or args.config.training.steps)
    done = latest_step(args.out) or 0 if run else 0
    begin = time.perf_counter()
    with detail_bar("training", total, done) as advance:

        def report(step: int, metrics: dict[str, float]) -> None:
            last.update(metrics, step=step)
            rate = metrics["tokens_per_second"]
            advance(step, f"loss {metrics['loss']:.4f}, {rate:,.0f} tokens/s")

        try:
            _work(args, args.out, argv, report)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_how_to_go_on(args.out)) from None
    seconds = time.perf_counter() - begin
    did = f"trained in {seconds:.0f} s" if last else f"is at step {done} already"
    console.print(f"{args.out}: {did}; next: dfplan eval {args.out}")
    write_json(args.json, {"run": str(args.out), "seconds": seconds, "step": done, **last})
    return 0


def _work(args: Args, out: Path, argv: Sequence[str], report: Report) -> None:
    if args.resume:
        resume(out, stop_step=args.stop_step, report=report)
        return
    task = _choose_task(args)
    _note_missing_env(task)
    train(
        task,
        args.config,
        out,
        goal_dims=args.goal_dims or None,
        goal_from=args.goal_from,
        goal_value=args.goal_value,
        init_from=args.init_from,
        stop_step=args.stop_step,
        report=report,
        command=shlex.join(["dfplan", "train", *argv]),
    )


def _choose_task(args: Args) -> Task:
    """The task that is asked for; without a name, that of the run to begin with."""
    given = args.env, args.dataset, args.env_kwargs
    if not args.init_from or args.task:
        return choose_task(args.task, *given)
    task = choose_env(resolve_run(args.init_from).run.task, None, args.env, args.env_kwargs)
    return dataclasses.replace(task, dataset=args.dataset or task.dataset)


def _note_missing_env(task: Task) -> None:
    """Say if the environment cannot be made: fine where one only trains, else a mistyped id."""
    try:
        make_env(task.env, task.env_kwargs).close()
    except UnknownEnvError as error:
        console.print(f"note: {error}; training needs the dataset alone, so it goes on")


def _check_same(run: Run, args: Args) -> None:
    """Check that what else stands on the command line is what the run was begun with."""
    task = choose_env(run.task, args.task or None, args.env, args.env_kwargs)
    task = dataclasses.replace(task, dataset=args.dataset or task.dataset)
    begun = _settings(run.task, run.layout, run.config)
    goal = {name: getattr(args, name) or getattr(run.layout, name) for name in GOAL}
    given = _settings(task, dataclasses.replace(run.layout, **goal), args.config)
    for name, value in given.items():
        if value != begun[name]:
            raise UserError(
                f"{args.out} was begun with {name} {begun[name]}, not {value}; "
                "--resume goes on with a run's own settings"
            )


def _settings(task: Task, layout: Layout, config: Config) -> dict[str, Any]:
    where = {"env": task.env, "env_kwargs": task.env_kwargs, "dataset": task.dataset}
    goal = {name: getattr(layout, name) for name in GOAL}
    return {**where, **goal, **flatten(config.to_dict())}


def _how_to_go_on(out: Path) -> str:
    if not (out / "config.json").exists():
        return "nothing was written"
    step = latest_step(out) or 0
    return f"saved at step {step}; go on with: dfplan train --out {shlex.quote(str(out))} --resume"
