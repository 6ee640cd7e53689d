"""Kill every command that writes, at random times and at file operations, and run it again.

    python -m scripts.kill --root build/kill  # 200 random times and all file operations per command
    python -m scripts.kill --root build/kill --table

After each kill, the output of the command must be complete or absent, all other files must be
unchanged, and the same command (or `--resume` of the training) must succeed and leave no hidden
file. "Chosen" kills happen right before an operation that opens a file for writing, renames or
removes something, or creates a directory. Every kill is a line of `ROOT/COMMAND.jsonl`; a second
call goes on with the kills that are missing. Exits with code 1 on a failure.
"""

import argparse
import functools
import json
import os
import random
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.kill.checks import Expected, damages, run_again, state
from scripts.kill.commands import (
    COMMANDS,
    fresh_folder,
    import_modules,
    in_fork,
    prepare,
    run_quietly,
)
from tests.faults import count_instants, kill_after, kill_at

HEADER = """\
| command | kills before file operations | kills at random times | killed before the end \
| different states | failures |
|---|---:|---:|---:|---:|---:|"""


def main() -> int:
    """Run the harness."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--random", type=int, default=200, help="random kills per command")
    parser.add_argument("--chosen", type=int, default=10**6, help="most chosen kills per command")
    parser.add_argument("--commands", nargs="+", default=list(COMMANDS), choices=list(COMMANDS))
    parser.add_argument("--minutes", type=float, default=1e6, help="time limit per command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--root", type=Path, help="folder of the inputs and results; kept")
    parser.add_argument("--table", action="store_true", help="only print the results")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        root = (args.root or Path(directory)).absolute()
        if not args.table:
            prepare(root)
            for name in args.commands:
                _kill_command(name, _Results(root, name), args)
            os.chdir("/")
        results = [_Results(root, name) for name in args.commands]
    print(HEADER, *(result.row() for result in results), sep="\n")
    problems = [problem for result in results for problem in result.problems()]
    print(*problems[:20], sep="\n")
    return 1 if problems else 0


class _Results:
    """The kills of one command so far: lines of a file."""

    def __init__(self, root: Path, name: str):
        self.name = name
        self.folder = root / name.replace(" ", "")
        self._file = self.folder.with_suffix(".jsonl")
        lines = self._file.read_text().splitlines() if self._file.exists() else ()
        self.kills = [json.loads(line) for line in lines]

    def add(self, **kill: Any) -> None:
        """Add a kill, to the file too."""
        self.kills.append(kill)
        with self._file.open("a") as file:
            file.write(json.dumps(kill) + "\n")

    def numbers(self, kind: str) -> set[int]:
        """Return the numbers of the kills of one kind."""
        return {kill["number"] for kill in self.kills if kill["kind"] == kind}

    def states(self) -> set[str]:
        """Return the different states that kills have left."""
        return {kill["state"] for kill in self.kills}

    def problems(self) -> list[str]:
        """Return what was wrong after any kill."""
        return [
            f"{self.name}, {kill['kind']} kill {kill['number']}: {problem}"
            for kill in self.kills
            for problem in kill["problems"]
        ]

    def row(self) -> str:
        """Return a row of the table of results."""
        counts = (
            len(self.numbers("chosen")),
            len(self.numbers("random")),
            sum(kill["before_end"] for kill in self.kills),
            len(self.states()),
            len(self.problems()),
        )
        return f"| `{self.name}` | " + " | ".join(map(str, counts)) + " |"


def _kill_command(name: str, results: _Results, args: argparse.Namespace) -> None:
    """Kill one command at all chosen and random times that are missing in its results."""
    argv = shlex.split(COMMANDS[name])
    folder = results.folder
    fresh_folder(folder)
    import_modules(argv)
    fresh_folder(folder)
    kills = _choose_kills(argv, results, args)
    expected = Expected.of(folder)
    end = time.perf_counter() + 60 * args.minutes
    for kind, number, kill in kills:
        if time.perf_counter() > end:
            break
        fresh_folder(folder)
        before_end = kill()
        problems = damages(folder)
        left = state(folder)
        if left not in results.states():  # The command has been run again from an equal state.
            problems += run_again(argv, folder, expected)
        results.add(
            kind=kind, number=number, before_end=before_end, state=left, problems=problems
        )


def _choose_kills(
    argv: list[str], results: _Results, args: argparse.Namespace
) -> list[tuple[str, int, Callable[[], bool]]]:
    """Run a command once in its folder, and return functions that kill it there, shuffled."""
    folder = results.folder
    counted = folder.with_suffix(".count")
    command = functools.partial(run_quietly, argv)
    start = time.perf_counter()
    in_fork(lambda: counted.write_text(str(count_instants(folder, command))))
    seconds = time.perf_counter() - start
    numbers = random.Random(args.seed)
    instants = range(1, int(counted.read_text()) + 1)
    chosen = numbers.sample(instants, min(args.chosen, len(instants)))
    shares = [numbers.random() for _ in range(args.random)]
    kills = [
        ("chosen", number, functools.partial(kill_at, number, folder, command))
        for number in chosen
        if number not in results.numbers("chosen")
    ]
    kills += [
        ("random", number, functools.partial(kill_after, share * seconds, command))
        for number, share in enumerate(shares)
        if number not in results.numbers("random")
    ]
    numbers.shuffle(kills)
    return kills


if __name__ == "__main__":
    sys.exit(main())
