"""`dfplan train`."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from dfplan.cli.common import (
    NO_ENV,
    File,
    Flag,
    Folder,
    Integer,
    Integers,
    Numbers,
    TaskName,
    Text,
    check_at_least,
    check_outputs,
    choose_env,
    choose_task,
    console,
    find_option,
    leading_argument,
    parse,
    quoted,
    write_result,
)
from dfplan.cli.progress_bar import detail_bar
from dfplan.cli.runs import latest_step
from dfplan.config import Config, flatten
from dfplan.representation.layout import Layout
from dfplan.runs.fit import FitProgress
from dfplan.runs.presets import make_config
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import Run
from dfplan.runs.train import resume, train
from dfplan.tasks.make_env import UnknownEnvError
from dfplan.tasks.registry import Task, get_task
from dfplan.training.loop import Report
from dfplan.types import UserError
from dfplan.util.processes import is_leader, join

GOAL = ("goal_dims", "goal_from", "goal_value")
"""Options that describe the goal; attributes of `Layout` have the same names."""
MACHINE_SETTINGS = ("training.fsdp_devices",)
"""Settings of the machine rather than the run, which may change when it is resumed."""


@dataclasses.dataclass(frozen=True)
class Args:
    """Train a planner: dfplan train TASK --out RUN, or with --env ID --dataset ID instead of TASK.

    The defaults of the settings below depend on the task and the preset given on the command line.
    A run that is interrupted (Ctrl-C, SIGTERM, SIGHUP) saves its state; `--resume` continues it bit
    for bit. An interruption before the first training step, while action values or a low-level
    policy are learned, leaves nothing behind.

    Attributes:
        task: Name of a task (see `dfplan tasks`); must precede the options.
        env: Gymnasium id, instead of the task's, or "none" to train without an environment.
        dataset: Minari id, or a directory of shards (see `dfplan dataset shard`), instead of the
            task's.
        env_kwargs: Arguments of gymnasium.make as a JSON object.
        goal_dims: State dimensions that form the goal, for datasets without goals of their own.
        goal_from: Observation dimensions that hold the desired goal, one per goal dimension.
        goal_value: Constant desired goal, such as 0 0 for a distance.
        preset: Size of network and training: small, default or large.
        init_from: Initialize from the weights of this run, or of a task's pretrained planner; its
            settings become the defaults, except for training.wandb, training.fsdp-devices
            and data.source.
        out: Directory of the new run; must not contain a run. (required)
        resume: Continue the run in --out, with its own settings except --training.fsdp-devices.
        stop_step: Stop at this training step, to resume later.
        coordinator_address: HOST:PORT of process 0, for training with several processes; not needed
            under srun and Open MPI.
        num_processes: Number of processes.
        process_id: Number of this process, from 0.
        json: Also write the last metrics of the run to this file.
    """

    task: TaskName = ""
    env: Text = None
    dataset: Text = None
    env_kwargs: Text = None
    goal_dims: Integers = ()
    goal_from: Integers = ()
    goal_value: Numbers = ()
    preset: str = "default"
    init_from: Text = None
    out: Folder = None
    resume: Flag = False
    stop_step: Integer = None
    coordinator_address: Text = None
    num_processes: Integer = None
    process_id: Integer = None
    json: File = None
    config: Annotated[Config, tyro.conf.arg(name="")] = Config()


def main(argv: Sequence[str]) -> int:
    """Train or resume a run."""
    join(
        find_option(argv, "--coordinator-address"),
        _find_integer(argv, "--num-processes"),
        _find_integer(argv, "--process-id"),
    )
    with _quiet_unless_leader():
        return _main(argv)


def _main(argv: Sequence[str]) -> int:
    args, run = parse_training(argv)
    if args.out is None:
        raise UserError("--out is missing: the directory of the run")
    check_at_least(1, stop_step=args.stop_step)
    check_outputs(args.json)
    if run:
        _check_unchanged(run, args)
    last: dict[str, float] = {}
    total = min(args.config.training.steps, args.stop_step or args.config.training.steps)
    first_step = latest_step(args.out) or 0 if run else 0
    start_time = time.perf_counter()
    with detail_bar("training", total, first_step) as advance:

        def report(step: int, metrics: dict[str, float]) -> None:
            last.update(metrics, step=step)
            rate = metrics["tokens_per_second"]
            advance(step, f"loss {metrics['loss']:.4f}, {rate:,.0f} tokens/s")

        def report_fit(what: str, step: int, steps: int) -> None:
            advance(0, f"{what}: step {step:,} of {steps:,}")

        try:
            trained = _train(args, args.out, argv, report, report_fit)
        except KeyboardInterrupt as interrupt:
            if is_leader():
                interrupt.args = (_how_to_resume(args.out),)
            raise
    seconds = time.perf_counter() - start_time
    outcome = f"trained in {seconds:.0f} s" if last else f"already at step {first_step}"
    console.print(f"{args.out}: {outcome}; next: {_next_command(trained, args.out)}")
    if is_leader():
        record = {"run": str(args.out), "seconds": seconds, "step": first_step, **last}
        write_result(args.json, record)
    return 0


def _find_integer(argv: Sequence[str], name: str) -> int | None:
    """Return the integer that an option has, before the actual parsing.

    Raises:
        UserError: If it has another value.
    """
    text = find_option(argv, name)
    try:
        return None if text is None else int(text)
    except ValueError:
        raise UserError(f"{name} {text!r} is not an integer") from None


@contextlib.contextmanager
def _quiet_unless_leader() -> Iterator[None]:
    """Print nothing but errors in processes that do not lead."""
    console.quiet = not is_leader()
    try:
        yield
    finally:
        console.quiet = False


def parse_training(argv: Sequence[str]) -> tuple[Args, Run | None]:
    """Parse the arguments; the defaults of the settings depend on some of them.

    Returns:
        The arguments, and the run to resume or None.
    """
    name = leading_argument(argv)
    preset = find_option(argv, "--preset") or "default"
    task = get_task(name) if name else Task("", "")
    out = find_option(argv, "--out")
    init_from = find_option(argv, "--init-from")
    run = Run.load(out) if "--resume" in argv and out else None
    if run and init_from:
        raise UserError("--init-from starts a new run and --resume continues one: give only one")
    if run:
        config = run.config
    elif init_from:
        # Only the user may choose to send data elsewhere; a file may not. This machine may have
        # other devices.
        config = resolve_run(init_from).run.config.override(
            {"training.wandb": "", "training.fsdp_devices": 1, "data.source": "auto"}
        )
    else:
        config = make_config(task, preset)
    args = parse(Args, "train", argv, default=Args(preset=preset, config=config))
    if args.task != name:
        raise UserError(f"TASK must precede the options, got {args.task!r} after them")
    return args, run


def _train(
    args: Args, out: Path, argv: Sequence[str], report: Report, report_fit: FitProgress
) -> Run:
    if args.resume:
        return resume(
            out,
            fsdp_devices=args.config.training.fsdp_devices,
            stop_step=args.stop_step,
            report=report,
            announce=console.print,
        )
    try:
        return train(
            _choose_task(args),
            args.config,
            out,
            goal_dims=args.goal_dims or None,
            goal_from=args.goal_from,
            goal_value=args.goal_value,
            init_from=args.init_from,
            stop_step=args.stop_step,
            report=report,
            fit_progress=report_fit,
            announce=console.print,
            command=quoted("train", *argv),
        )
    except UnknownEnvError as error:
        raise UserError(
            f"{error}; to train without an environment, such as on a machine that lacks its "
            f"package: --env {NO_ENV}"
        ) from error


def _next_command(run: Run, out: Path) -> str:
    if run.task.env:
        return quoted("eval", out)
    return quoted("predict", out, "--dataset", run.task.dataset)


def _choose_task(args: Args) -> Task:
    """Return the requested task; without a name, that of the run to initialize from."""
    if args.task or not args.init_from:
        return choose_task(args.task, args.env, args.dataset, env_kwargs=args.env_kwargs)
    return _replace_parts(resolve_run(args.init_from).run.task, args)


def _replace_parts(task: Task, args: Args) -> Task:
    """Return a task with the environment and dataset of the command line, if any."""
    task = choose_env(task, args.task or None, args.env, env_kwargs=args.env_kwargs)
    return dataclasses.replace(task, dataset=args.dataset or task.dataset)


def _check_unchanged(run: Run, args: Args) -> None:
    """Check that the command line agrees with the settings of the run to resume.

    Raises:
        UserError: If a setting differs.
    """
    goal = {name: getattr(args, name) or getattr(run.layout, name) for name in GOAL}
    layout = dataclasses.replace(run.layout, **goal)
    run_settings = _settings(run.task, run.layout, run.config)
    settings = _settings(_replace_parts(run.task, args), layout, args.config)
    for name, value in settings.items():
        if value != run_settings[name] and name not in MACHINE_SETTINGS:
            raise UserError(
                f"{args.out} was started with {name} {run_settings[name]}, not {value}; "
                "--resume continues a run with its own settings"
            )


def _settings(task: Task, layout: Layout, config: Config) -> dict[str, Any]:
    return {
        "env": task.env or NO_ENV,
        "env_kwargs": task.env_kwargs,
        "dataset": task.dataset,
        **{name: getattr(layout, name) for name in GOAL},
        **flatten(config.to_dict()),
    }


def _how_to_resume(out: Path) -> str:
    if not (out / "config.json").exists():
        return "nothing was written"
    step = latest_step(out) or 0
    return f"saved at step {step}; resume with: {quoted('train', '--out', out, '--resume')}"
