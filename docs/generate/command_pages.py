"""The commands' page: what each one's own --help prints."""

import contextlib
import io
import os
import textwrap
from unittest import mock

from dfplan.cli import COMMANDS, main

COLUMNS = 100
INTRODUCTION = """# Commands

What `--help` of each command prints, without a task or a run: given one, as in
`dfplan train pointmaze-large --help`, it shows that one's own defaults. Under `train`, the settings
of `--data`, `--net` and so on are those of [Settings](settings.md).
"""


def pages() -> dict[str, str]:
    """Text of the page by its path below reference/."""
    parts = [INTRODUCTION, _block("dfplan", ["--help"])]
    parts += [_block(f"dfplan {name}", [name, "--help"]) for name in COMMANDS]
    return {"commands.md": "\n".join(parts)}


def _block(title: str, argv: list[str]) -> str:
    return f"## {title}\n\n```text\n{help_of(argv)}\n```\n"


def help_of(argv: list[str]) -> str:
    """What the command line prints, `COLUMNS` wide; paragraphs, which a terminal wraps, are too."""
    printed = io.StringIO()
    with mock.patch.dict(os.environ, COLUMNS=str(COLUMNS)), contextlib.redirect_stdout(printed):
        code = main(argv)
    if code:
        raise RuntimeError(f"dfplan {' '.join(argv)} ended with code {code}")
    return "\n".join(_wrapped(line) for line in printed.getvalue().strip().splitlines())


def _wrapped(line: str) -> str:
    if line.startswith(" "):
        return line.rstrip()
    return textwrap.fill(line, COLUMNS, break_long_words=False, break_on_hyphens=False)
