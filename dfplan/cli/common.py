"""What several commands share: parsing, the choice of a task, and output."""

import contextlib
import dataclasses
import io
import itertools
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro
from rich.console import Console

from dfplan.runs.resolve import ResolvedRun, resolve_run
from dfplan.tasks.registry import Task, all_tasks, get_task
from dfplan.types import UserError

T = TypeVar("T")

SEEDS = 2**31
"""Seeds below this go through NumPy, Gymnasium and JAX unchanged."""

# Without these tyro shows "{None}|STR" and "(default: None)".
RunDir = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
TaskName = Annotated[
    str, tyro.conf.Positional, tyro.conf.arg(metavar="[TASK]", help_behavior_hint="")
]
Text = Annotated[str | None, tyro.conf.arg(metavar="STR", help_behavior_hint="")]
Integer = Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="")]
File = Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")]
Folder = Annotated[Path | None, tyro.conf.arg(metavar="DIR", help_behavior_hint="")]

# Paths and JSON may hold what Rich would take for markup.
console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def parse(args_type: type[T], command: str, argv: Sequence[str], default: T | None = None) -> T:
    """Parse a command's arguments into its dataclass.

    Exits with code 0 after `--help`.

    Raises:
        UserError: on arguments that do not fit.
    """
    kwargs: dict[str, Any] = {} if default is None else {"default": default}
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                args_type,
                prog=f"dfplan {command}",
                args=list(argv),
                config=(tyro.conf.FlagCreatePairsOff,),
                **kwargs,
            )
    except SystemExit as error:
        if not error.code:
            raise
        raise UserError(f"{_sentence(complaint.getvalue())}; see dfplan {command} --help") from None


def _sentence(box: str) -> str:
    """What stands in the first part of the box that tyro draws around a complaint."""
    inside = [line.strip("│╭╮╰╯ ") for line in box.splitlines() if line.startswith("│")]
    first = list(itertools.takewhile(lambda line: not line.startswith("─"), inside))
    return " ".join(first) or " ".join(box.split())


def first_positional(argv: Sequence[str]) -> str:
    """The argument before all options, or an empty string."""
    return argv[0] if argv and not argv[0].startswith("-") else ""


def parse_with_run(
    args_type: type[T],
    command: str,
    argv: Sequence[str],
    defaults: Callable[[Path, ResolvedRun], T],
) -> tuple[T, ResolvedRun]:
    """Parse a command whose first argument is a run, which its other settings' defaults come from.

    Args:
        args_type, command, argv: as of `parse`.
        defaults: makes the arguments' defaults from the run's name and the run.

    Raises:
        UserError: as `parse` and `resolve_run`; when something stands before the run.
    """
    name = first_positional(argv)
    found = resolve_run(name) if name else None
    args: Any = parse(args_type, command, argv, defaults(Path(name), found) if found else None)
    if not found:
        raise UserError(f"the run {args.run} must stand before all options")
    return args, found


def option(argv: Sequence[str], name: str) -> str | None:
    """Value of the last `--name VALUE` or `--name=VALUE`, looked up before the real parsing."""
    found = None
    for i, arg in enumerate(argv):
        if arg == name and i + 1 < len(argv):
            found = argv[i + 1]
        elif arg.startswith(f"{name}="):
            found = arg.partition("=")[2]
    return found


def choose_task(name: str, env: str | None, dataset: str | None, env_kwargs: str | None) -> Task:
    """The task of that name, with environment and dataset replaced where they are given.

    Raises:
        UserError: when neither a name nor both of them are given, or `env_kwargs` is no JSON.
    """
    if name:
        task = get_task(name)
    elif env and dataset:
        task = Task(env=env, dataset=dataset)
    else:
        raise UserError("name a task first (see `dfplan tasks`), or give --env and --dataset")
    task = choose_env(task, None, env, env_kwargs)
    return dataclasses.replace(task, dataset=dataset or task.dataset)


def choose_env(task: Task, name: str | None, env: str | None, env_kwargs: str | None) -> Task:
    """The task, or the one of that name, in another environment where that is given.

    Raises:
        UserError: on an unknown task, or `env_kwargs` that are no JSON object.
    """
    all_tasks()  # loading them registers their environments
    if name:
        task = get_task(name)
    # A score belongs to the environment that its constants were measured in, as it is.
    if env:
        task = dataclasses.replace(
            task, name="", env=env, env_kwargs={}, score=None, protocol="seeds"
        )
    if env_kwargs:
        more = {**task.env_kwargs, **parse_json("--env-kwargs", env_kwargs)}
        task = dataclasses.replace(task, env_kwargs=more, score=None)
    return task


def parse_json(what: str, text: str) -> dict[str, Any]:
    """A JSON object from the command line.

    Raises:
        UserError: when it is none.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{what} {text!r} is not JSON ({error}); example: '{{\"a\": 1}}'"
        ) from error
    if not isinstance(value, dict):
        raise UserError(f"{what} {text!r} is not a JSON object; example: '{{\"a\": 1}}'")
    return value


def need_at_least(low: int, **values: int | None) -> None:
    """Check the values of options, by their names; None passes.

    Raises:
        UserError: naming the option and its value.
    """
    for name, value in values.items():
        if value is not None and value < low:
            raise UserError(f"--{name.replace('_', '-')} must be at least {low}, got {value}")


def check_seed(seed: int) -> None:
    """Check a seed that environments and plans share.

    Raises:
        UserError: when it is out of range.
    """
    if not 0 <= seed < SEEDS:
        raise UserError(f"--seed must be at least 0 and below {SEEDS}, got {seed}")


def check_outputs(*paths: Path | None) -> None:
    """Check, before any work is done, that these files can be written; leaves nothing behind.

    Raises:
        UserError: on the first one that cannot, or that is a run's own config or metrics.
    """
    for path in paths:
        if path is None:
            continue
        if path.name in ("config.json", "metrics.jsonl") and path.exists():
            raise UserError(f"cannot write {path}: it may belong to a run; name another file")
        try:
            if path.exists():
                path.open("a").close()
            else:
                folder = next(p for p in path.absolute().parents if p.exists())
                tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}") from error


def write_json(path: Path | None, record: Any) -> None:
    """Write a JSON file, when a path is given.

    Raises:
        UserError: when it cannot be written.
    """
    if path is not None:
        write_text(path, json.dumps(record, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file, and its folder.

    Raises:
        UserError: when it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
