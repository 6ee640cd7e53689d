"""Calls of the public command line, `dfplan`, from Python."""

from collections.abc import Mapping
from typing import Any

from dfplan.cli import main
from dfplan.cli.common import console
from dfplan.data.store.listing import local_ids


def run_command(arguments: list[str]) -> None:
    """Run `dfplan` with these arguments.

    Raises:
        SystemExit: If the command fails, with its exit code.
    """
    if code := main(arguments):
        raise SystemExit(code)


def collect_once(dataset: str, arguments: list[str]) -> None:
    """Run `dfplan collect` unless the dataset is already on this machine.

    Args:
        dataset: Minari id of the dataset that the command collects.
        arguments: Arguments of `dfplan collect`.

    Raises:
        SystemExit: If the command fails, with its exit code.
    """
    if dataset in local_ids():
        console.print(f"{dataset}: already collected")
    else:
        run_command(["collect", *arguments])


def option_list(settings: Mapping[str, Any]) -> list[str]:
    """Return dotted settings as command-line options; booleans become flags without a value."""
    options = []
    for name, value in settings.items():
        group, dot, field = name.replace("_", "-").rpartition(".")
        if isinstance(value, bool):
            options.append(f"--{group}{dot}{'' if value else 'no-'}{field}")
        else:
            options += [f"--{group}{dot}{field}", str(value)]
    return options
