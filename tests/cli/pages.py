"""Runs the code blocks of Markdown pages in this process, scaled down.

A `python` block runs in its page's namespace, or becomes a file if it has a title; if it prints, a
`text` block right after it must show the output. An `sh` block holds commands. A block that cannot
run says why, in a comment on the line before it: <!-- not run: reason -->.
"""

import contextlib
import dataclasses
import io
import re
import runpy
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from dfplan.cli import main
from dfplan.cli.own_code import current_directory_importable

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "envs" / "README.md", *ROOT.glob("docs/**/*.md")])
LANGUAGES = ("python", "sh", "text", "json")
NOT_RUN = re.compile(r"<!-- not run: (\S.*?) -->")
TITLE = re.compile(r'title="([^"]+)"')


@dataclasses.dataclass(frozen=True)
class Block:
    """A code block of a page.

    Attributes:
        language: Language after the opening fence.
        text: Code.
        line: Line of its first line in the page, from 0.
        title: File name; or empty.
        not_run: Reason why it does not run; or empty.
    """

    language: str
    text: str
    line: int
    title: str
    not_run: str


def blocks(page: Path) -> Iterator[Block]:
    comment = ""
    for token in MarkdownIt().parse(page.read_text()):
        if token.type == "fence":
            assert token.map is not None
            language, _, options = token.info.partition(" ")
            title = TITLE.search(options)
            reason = NOT_RUN.search(comment)
            yield Block(
                language,
                token.content,
                token.map[0] + 1,
                title=title[1] if title else "",
                not_run=reason[1] if reason else "",
            )
        comment = token.content if token.type == "html_block" else ""


def run_page(
    page: Path, command: Callable[[list[str]], None], smaller: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run a page's blocks in order; return the namespace of its Python blocks.

    Args:
        page: Markdown file.
        command: Function that runs the words of a command.
        smaller: Replacements in the text of files, which must occur there once.
    """
    replacements = dict(smaller or {})
    scope: dict[str, Any] = {"__name__": "page"}
    printed = None
    for block in blocks(page):
        if block.language == "text" and printed is not None:
            assert printed == block.text, f"{page}:{block.line}"
        printed = None
        if block.not_run:
            continue
        if block.title:
            text = block.text
            for old in [old for old in replacements if old in text]:
                assert text.count(old) == 1
                text = text.replace(old, replacements.pop(old))
            Path(block.title).write_text(text)
        elif block.language == "python":
            code = compile("\n" * block.line + block.text, str(page), "exec")
            # As in a script or notebook, modules beside it can be imported.
            with current_directory_importable(), contextlib.redirect_stdout(io.StringIO()) as out:
                exec(code, scope)
            printed = out.getvalue() or None
        elif block.language == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words[:1] == ["python"]:
                    scope |= run_script(words[1])
                elif words:
                    command(words)
    assert not replacements
    return scope


def run_script(path: str) -> dict[str, Any]:
    """Run a script as `python path` does: modules beside it are found first."""
    sys.path.insert(0, str(Path(path).resolve().parent))
    try:
        return runpy.run_path(path, run_name="__main__")
    finally:
        sys.path.pop(0)


class Shell:
    """Runs `dfplan` and `export`, with settings that make them quick.

    Args:
        patch: The test's monkeypatch fixture.
        train: Settings added to `dfplan train`.
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
        "sweep": "--episodes",
        "predict": "--windows",
    }
    RESULTS = range(20_000, 2**31)  # seeds reserved for published results

    def __init__(self, patch: Any, train: list[str]):
        self._patch = patch
        self._train = train

    def __call__(self, words: list[str]) -> None:
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self._patch.setenv(name, value)
        elif words[0] == "dfplan":
            args = self.scale_down(words[1:])
            assert main(args) == 0, args
        else:
            raise AssertionError(f"{words}: only dfplan, python and export run here; say 'not run'")

    def scale_down(self, args: list[str]) -> list[str]:
        """Return a command's arguments with fewer steps and episodes."""
        args = list(args)
        for name, limit in self.LIMITS.items():
            if name in args:
                value = args.index(name) + 1
                args[value] = str(min(int(args[value]), limit))
            elif self.DEFAULTS.get(args[0]) == name:
                args += [name, str(limit)]
        if args[0] in ("train", "sweep"):
            args += self._train
        if args[0] in ("render", "report"):
            args += ["--max-steps", "12"]
        if args[0] == "bench":  # each horizon compiles a program
            args += ["--seconds", "0", "--horizons", "3", "--batches", "1"]
        if args[0] == "eval" and "--out" in args:  # drawing figures takes long
            del args[args.index("--out") : args.index("--out") + 2]
        if "--seed" in args and int(args[args.index("--seed") + 1]) in self.RESULTS:
            args[args.index("--seed") + 1] = "7000"
        return args
