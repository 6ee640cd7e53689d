"""Helpers shared by the commands: parsing, choosing a task, and output. They import no JAX."""

import contextlib
import dataclasses
import io
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro

from dfplan.cli.console import PlainConsole
from dfplan.cli.own_code import import_own_env
from dfplan.cli.usage import check_no_empty_values, first_section, unknown_options
from dfplan.tasks.registry import Task, all_tasks, get_task
from dfplan.types import UserError
from dfplan.util import files
from dfplan.util.versions import installed_versions

T = TypeVar("T")

UNKNOWN = "Unrecognized options"
"""How tyro names options that do not exist."""

MISSING_RUN = "Missing from dfplan {}: RUN "
"""How tyro's message begins if the run is missing."""

NO_ENV = "none"
"""Value of --env for a dataset without an environment."""

MAX_SEED = 2**31
"""NumPy, Gymnasium and JAX all accept seeds below this one."""

# Without these annotations tyro shows "{None}|STR" and defaults such as None, () and False.
RunDir = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN", help_behavior_hint="")]
TaskName = Annotated[
    str, tyro.conf.Positional, tyro.conf.arg(metavar="[TASK]", help_behavior_hint="")
]
Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help_behavior_hint="")]
Text = Annotated[str | None, tyro.conf.arg(metavar="STR", help_behavior_hint="")]
Integer = Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="")]
Integers = Annotated[tuple[int, ...], tyro.conf.arg(metavar="INT ...", help_behavior_hint="")]
Numbers = Annotated[tuple[float, ...], tyro.conf.arg(metavar="FLOAT ...", help_behavior_hint="")]
File = Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")]
Folder = Annotated[Path | None, tyro.conf.arg(metavar="DIR", help_behavior_hint="")]

console = PlainConsole()


def parse(args_type: type[T], command: str, argv: Sequence[str], default: T | None = None) -> T:
    """Parse the arguments of a command into its dataclass.

    Exits with code 0 after `--help`.

    Args:
        args_type: Dataclass of the arguments.
        command: Name of the command.
        argv: Arguments after the command's name.
        default: Default values; those of the dataclass if None.

    Raises:
        UserError: If the arguments do not fit.
    """
    check_no_empty_values(argv)
    kwargs: dict[str, Any] = {} if default is None else {"default": default}
    message = io.StringIO()
    try:
        with contextlib.redirect_stderr(message):
            return tyro.cli(
                args_type,
                prog=f"dfplan {command}",
                args=list(argv),
                **kwargs,
            )
    except SystemExit as error:
        if not error.code:
            raise
        text = first_section(message.getvalue())
        if text.startswith(MISSING_RUN.format(command)):
            or_task = " or a task name" if "task name" in text else ""
            text = f"RUN is missing: a run directory{or_task}"
        if UNKNOWN in text:
            text = unknown_options(argv, _options(args_type, argv, kwargs)) or text
        raise UserError(f"{text}; see dfplan {command} --help") from None


def _options(args_type: Any, argv: Sequence[str], kwargs: Mapping[str, Any]) -> set[str]:
    """Return the options that the help page of a command names."""
    page = io.StringIO()
    command = [arg for arg in argv[:1] if not arg.startswith("-")]  # `show` of `dfplan dataset`
    with contextlib.redirect_stdout(page), contextlib.suppress(SystemExit):
        tyro.cli(args_type, args=[*command, "--help"], **kwargs)
    return set(re.findall(r"(?<![\w-])--[a-z][\w.-]*", page.getvalue()))


def quoted(*arguments: object) -> str:
    """Return a dfplan command with its arguments quoted for a shell."""
    return shlex.join(["dfplan", *map(str, arguments)])


def leading_argument(argv: Sequence[str]) -> str:
    """Return the argument that precedes all options, or an empty string."""
    return argv[0] if argv and not argv[0].startswith("-") else ""


def find_option(argv: Sequence[str], name: str) -> str | None:
    """Return the value of the last `--name VALUE` or `--name=VALUE`, before the actual parsing.

    As in tyro, underscores in option names count as dashes.
    """
    value = None
    for i, arg in enumerate(argv):
        option, equals, text = arg.partition("=")
        if option.replace("_", "-") != name:
            continue
        if equals:
            value = text
        elif i + 1 < len(argv):
            value = argv[i + 1]
    return value


def choose_task(name: str, env: str | None, dataset: str | None, env_kwargs: str | None) -> Task:
    """Return the named task, with its environment and dataset replaced if these are given.

    Args:
        name: Name of a task; empty for an environment and dataset without a task.
        env: Gymnasium id, or None.
        dataset: Minari id, or None.
        env_kwargs: Arguments of gymnasium.make as a JSON object, or None.

    Raises:
        UserError: If neither a name nor both ids are given, or `env_kwargs` is not a JSON object.
    """
    if name:
        task = get_task(name)
    elif env and dataset:
        task = Task(env=env, dataset=dataset)
    else:
        raise UserError("give a task (see `dfplan tasks`), or both --env and --dataset")
    task = choose_env(task, None, env, env_kwargs=env_kwargs)
    return dataclasses.replace(task, dataset=dataset or task.dataset)


def choose_env(task: Task, name: str | None, env: str | None, env_kwargs: str | None) -> Task:
    """Return the task, or the named one, with its environment replaced if one is given.

    Args:
        task: Task to use if `name` is None.
        name: Name of another task, or None.
        env: Gymnasium id, `NO_ENV` for no environment (an empty id), or None.
        env_kwargs: Arguments of gymnasium.make as a JSON object, or None.

    Raises:
        UserError: If the task is unknown, or `env_kwargs` is not a JSON object.
    """
    all_tasks()  # Loading the tasks registers their environments.
    if name:
        task = get_task(name)
    # A score is only valid in the exact environment that its constants were measured in.
    if env:
        env = "" if env == NO_ENV else env
        import_own_env(env)
        task = dataclasses.replace(
            task, name="", env=env, env_kwargs={}, score=None, protocol="seeds"
        )
    if env_kwargs:
        merged = {**task.env_kwargs, **parse_json("--env-kwargs", env_kwargs)}
        task = dataclasses.replace(task, env_kwargs=merged, score=None)
    return task


def parse_json(name: str, text: str) -> dict[str, Any]:
    """Parse the JSON object of an option.

    Raises:
        UserError: If the text is not a JSON object.
    """
    example = "example: '{\"a\": 1}'"
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{name} {text!r} is not JSON ({error}); {example}") from error
    if not isinstance(value, dict):
        raise UserError(f"{name} {text!r} is not a JSON object; {example}")
    return value


def check_at_least(low: int, **values: int | None) -> None:
    """Check the values of options, given by name; None passes.

    Raises:
        UserError: If a value is below `low`.
    """
    for name, value in values.items():
        if value is not None and value < low:
            raise UserError(f"--{name.replace('_', '-')} must be at least {low}, got {value}")


def check_seed(seed: int) -> None:
    """Check a seed that environments and plans share.

    Raises:
        UserError: If it is out of range.
    """
    if not 0 <= seed < MAX_SEED:
        raise UserError(f"--seed must be at least 0 and below {MAX_SEED}, got {seed}")


def check_png(name: str, path: Path | None) -> None:
    """Check that the file of an option ends in .png; None passes.

    Raises:
        UserError: If it has another suffix.
    """
    if path and path.suffix.lower() != ".png":
        raise UserError(f"{name} {path} must end in .png")


def check_outputs(*paths: Path | None) -> None:
    """Check that files can be written, before any work is done; leaves nothing behind.

    Raises:
        UserError: If a file cannot be written, or is the config or metrics file of a run.
    """
    for path in paths:
        if path is None:
            continue
        if path.name in ("config.json", "metrics.jsonl") and path.exists():
            raise UserError(f"cannot write {path}: it may belong to a run; choose another file")
        files.check_writable(path)


def write_json(path: Path | None, record: Any) -> None:
    """Write a JSON file; does nothing if the path is None.

    Raises:
        UserError: If the file cannot be written.
    """
    if path is not None:
        files.write_json(path, record)


def write_result(path: Path | None, record: dict[str, Any]) -> None:
    """Write a JSON file of what was computed, with the versions of the packages that it depends on.

    Raises:
        UserError: If the file cannot be written.
    """
    write_json(path, {**record, "versions": installed_versions()})
