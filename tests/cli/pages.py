"""Pages of Markdown, and running what their code blocks show, in this process and small.

A block in `python` runs in its page's namespace, or becomes a file where it has a title; where it
prints, the block in `text` after it is what it prints. A block in `sh` holds commands. What cannot
run here says why, in a comment on the line before it: <!-- not run: reason -->.
"""

import contextlib
import dataclasses
import io
import os
import re
import runpy
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from dfplan.cli import main

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "envs" / "README.md", *ROOT.glob("docs/**/*.md")])
LANGUAGES = ("python", "sh", "text", "json")
NOT_RUN = re.compile(r"<!-- not run: (\S.*?) -->")
TITLE = re.compile(r'title="([^"]+)"')


@dataclasses.dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int  # of its first line in the page, from 0
    title: str
    not_run: str  # the reason, or empty


def blocks(page: Path) -> Iterator[Block]:
    before = ""
    for token in MarkdownIt().parse(page.read_text()):
        if token.type == "fence":
            assert token.map is not None
            language, _, more = token.info.partition(" ")
            title, reason = TITLE.search(more), NOT_RUN.search(before)
            yield Block(
                language,
                token.content,
                token.map[0] + 1,
                title[1] if title else "",
                reason[1] if reason else "",
            )
        before = token.content if token.type == "html_block" else ""


def run_page(page: Path, command: Callable[[list[str]], None]) -> dict[str, Any]:
    """Run a page's blocks one after the other; returns what its Python ones leave behind."""
    scope: dict[str, Any] = {"__name__": "page"}
    printed = None
    for block in blocks(page):
        if block.language == "text" and printed is not None:
            assert printed == block.text, f"{page}:{block.line}"
        printed = None
        if block.not_run:
            continue
        if block.title:
            Path(block.title).write_text(block.text)
        elif block.language == "python":
            code = compile("\n" * block.line + block.text, str(page), "exec")
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(code, scope)
            printed = out.getvalue() or None
        elif block.language == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words[:1] == ["python"]:
                    scope |= run_script(words[1])
                elif words:
                    command(words)
    return scope


def run_script(path: str) -> dict[str, Any]:
    """As `python path` does, which looks for modules beside the script first."""
    sys.path.insert(0, str(Path(path).resolve().parent))
    try:
        return runpy.run_path(path, run_name="__main__")
    finally:
        sys.path.pop(0)


class Shell:
    """Runs `dfplan` and `export`, with settings that make it quick.

    Args:
        patch: undone after the test.
        train: settings for training.
    """

    LIMITS = {
        "--episodes": 1,
        "--steps": 6000,
        "--training.steps": 250,
        "--stop-step": 10,
        "--windows": 4,
    }
    DEFAULTS = {
        "collect": "--steps",
        "eval": "--episodes",
        "report": "--episodes",
        "predict": "--windows",
    }
    RESULTS = range(20_000, 2**31)  # seeds whose episodes no test plays

    def __init__(self, patch: Any, train: list[str]):
        self._patch, self._train = patch, train

    def __call__(self, words: list[str]) -> None:
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self._patch.setenv(name, value)
            if name == "PYTHONPATH":
                self._patch.syspath_prepend(os.path.abspath(value))
        elif words[0] == "dfplan":
            args = self.smaller(words[1:])
            assert main(args) == 0, args
        else:
            raise AssertionError(f"{words}: only dfplan, python and export run here; say 'not run'")

    def smaller(self, args: list[str]) -> list[str]:
        args = list(args)
        for name, limit in self.LIMITS.items():
            if name in args:
                value = args.index(name) + 1
                args[value] = str(min(int(args[value]), limit))
            elif self.DEFAULTS.get(args[0]) == name:
                args += [name, str(limit)]
        if args[0] == "train":
            args += self._train
        if args[0] in ("render", "report"):
            args += ["--max-steps", "12"]
        if args[0] == "bench":  # whose other horizons are programs of their own
            args += ["--seconds", "0", "--horizons", "3", "--batches", "1"]
        if args[0] == "eval" and "--out" in args:  # pictures, which take long
            del args[args.index("--out") : args.index("--out") + 2]
        if "--seed" in args and int(args[args.index("--seed") + 1]) in self.RESULTS:
            args[args.index("--seed") + 1] = "7000"
        return args
