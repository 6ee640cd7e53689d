"""Helpers of the commands that take a run."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dfplan.agent import Agent
from dfplan.cli.common import leading_argument, parse
from dfplan.cli.own_code import trust_run
from dfplan.planner.config import PlannerConfig
from dfplan.runs.record import CONFIG
from dfplan.runs.resolve import ResolvedRun, resolve_run
from dfplan.runs.run import Run, checkpoints
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.checkpoint_contents import CONTENTS
from dfplan.types import UserError

T = TypeVar("T")


def _run_settings(run: Run) -> PlannerConfig:
    """Return a run's own planner settings."""
    return run.config.planner


def parse_with_run(
    args_type: type[T],
    command: str,
    argv: Sequence[str],
    planner_defaults: Callable[[Run], PlannerConfig] = _run_settings,
) -> tuple[T, ResolvedRun]:
    """Parse a command that takes a run first and planner settings among its options.

    Args:
        args_type: Dataclass of the arguments, with the fields `run` and `planner`, and optionally
            `trust_code`.
        command: Name of the command.
        argv: Arguments after the command's name.
        planner_defaults: Function that returns the default planner settings for a run.

    Returns:
        The arguments, and the run with the planner settings of the command line.

    Raises:
        UserError: If the arguments do not fit, the run is missing or damaged, or an option
            precedes it.
    """
    name = leading_argument(argv)
    if not name:
        args: Any = parse(args_type, command, argv)
        raise UserError(f"RUN must precede the options, got {args.run} after them")
    resolved = resolve_run(name)
    make_args: Any = args_type
    default = make_args(run=Path(name), planner=planner_defaults(resolved.run))
    args: Any = parse(args_type, command, argv, default=default)
    if getattr(args, "trust_code", False):
        resolved = trust_run(resolved)
    return args, resolved.replace_planner(args.planner)


def open_agent(resolved: ResolvedRun, seed: int = 0) -> Agent:
    """Return the agent of a run, with its newest weights.

    Raises:
        UserError: If the run has no checkpoint, or cannot act.
    """
    return Agent.from_run(resolved.run, resolved.load_weights(), seed=seed)


def latest_step(run: Path) -> int | None:
    """Return the training step of a run's newest checkpoint, or None."""
    with CheckpointStore(checkpoints(run)) as store:
        return store.latest()


def weights_digest(run: Path) -> str:
    """Return a digest of a run's settings and newest weights, for what depends on them."""
    files = [run / CONFIG, checkpoints(run) / str(latest_step(run)) / CONTENTS]
    contents = [file.read_bytes() for file in files if file.is_file()]
    return hashlib.sha256(b"".join(contents)).hexdigest()[:16]
