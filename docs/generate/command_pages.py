"""The page of commands: what the --help of each one prints."""

import contextlib
import io
import os
import textwrap
from unittest import mock

from dfplan.cli import COMMANDS, main

COLUMNS = 100
INTRODUCTION = """# Commands

This page shows what `--help` of each command prints without a task or a run. With one, as in
`dfplan train pointmaze-large --help`, it shows the defaults of that task or run. The settings of
`train` (`--data`, `--net` and so on) are explained in [Settings](settings.md).
"""


def pages() -> dict[str, str]:
    """Return the text of the page by its path below reference/."""
    sections = [INTRODUCTION, _section("dfplan", ["--help"])]
    sections += [_section(f"dfplan {name}", [name, "--help"]) for name in COMMANDS]
    return {"commands.md": "\n".join(sections)}


def _section(title: str, argv: list[str]) -> str:
    return f"## {title}\n\n```text\n{help_of(argv)}\n```\n"


def help_of(argv: list[str]) -> str:
    """Return what the command line prints, with all lines wrapped at `COLUMNS`.

    Raises:
        RuntimeError: If the command fails.
    """
    printed = io.StringIO()
    with mock.patch.dict(os.environ, COLUMNS=str(COLUMNS)), contextlib.redirect_stdout(printed):
        code = main(argv)
    if code:
        raise RuntimeError(f"dfplan {' '.join(argv)} exited with code {code}")
    return "\n".join(_wrapped(line) for line in printed.getvalue().strip().splitlines())


def _wrapped(line: str) -> str:
    if line.startswith(" "):
        return line.rstrip()
    return textwrap.fill(line, COLUMNS, break_long_words=False, break_on_hyphens=False)
