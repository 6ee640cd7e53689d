"""Stop and kill every command that writes, and run it again from what it has left.

    python -m scripts.kill --root build/kill
    python -m scripts.kill --root build/kill --table

A command is stopped (SIGSTOP) before each operation that opens a file for writing, renames or
removes something, or creates a directory, and at 200 random times. The files that it has written so
far are those that it would leave if it were killed then. In addition, it is killed (SIGKILL) at 20
random times.
Its output must be complete or absent, all other files must be unchanged, and the same command (or
`--resume` of the training) must succeed from each different state and leave no hidden file.

Results are lines of `ROOT/COMMAND.jsonl`; a second call continues with what is missing. The exit
code is 1 after a failure.
"""

import argparse
import functools
import json
import os
import random
import shlex
import shutil
import sys
import tempfile
import time
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
from tests.faults import kill_after, stop_at_operations, stop_at_times

HEADER = """\
| command | stopped before file operations | stopped at random times | killed \
| different states | states run again | failures |
|---|---:|---:|---:|---:|---:|---:|"""
KINDS = ("operation", "time", "kill")
MAX_RUNS = 5
"""Runs of a command in which all random times are reached; its duration varies."""


def main() -> int:
    """Run the harness."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200, help="random times per command")
    parser.add_argument("--kills", type=int, default=20, help="kills at random times per command")
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
                _Harness(root, name, args).run()
            os.chdir("/")
        results = [_Results(root, name) for name in args.commands]
    print(HEADER, *(result.row() for result in results), sep="\n")
    problems = [problem for result in results for problem in result.problems()]
    print(*problems[:20], sep="\n")
    return 1 if problems else 0


class _Results:
    """The results of one command so far, stored as lines of a file."""

    def __init__(self, root: Path, name: str):
        self.name = name
        self._file = (root / name.replace(" ", "")).with_suffix(".jsonl")
        lines = self._file.read_text().splitlines() if self._file.exists() else ()
        self.records = [json.loads(line) for line in lines]

    def add(self, **record: Any) -> None:
        """Append a record, also to the file."""
        self.records.append(record)
        with self._file.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def numbers(self, kind: str) -> set[int]:
        """Return the numbers of the records of one kind."""
        return {record["number"] for record in self.records if record["kind"] == kind}

    def states(self, *kinds: str) -> set[str]:
        """Return the different states in the records of some kinds."""
        return {record["state"] for record in self.records if record["kind"] in kinds}

    def problems(self) -> list[str]:
        """Return everything that was wrong."""
        return [
            f"{self.name}, {record['kind']} {record.get('number', record['state'])}: {problem}"
            for record in self.records
            for problem in record["problems"]
        ]

    def row(self) -> str:
        """Return a row of the table of results."""
        counts = (
            *(len(self.numbers(kind)) for kind in KINDS),
            len(self.states(*KINDS)),
            len(self.states("again")),
            len(self.problems()),
        )
        return f"| `{self.name}` | " + " | ".join(map(str, counts)) + " |"


class _Harness:
    """Stops and kills one command, and runs it again."""

    def __init__(self, root: Path, name: str, args: argparse.Namespace):
        self._argv = shlex.split(COMMANDS[name])
        self._folder = root / name.replace(" ", "")
        self._states = self._folder.with_suffix(".states")
        self._results = _Results(root, name)
        self._args = args
        self._random = random.Random(args.seed + len(self._results.records))
        self._command = functools.partial(run_quietly, self._argv)

    def run(self) -> None:
        """Do what the results lack, within the time limit."""
        end = time.perf_counter() + 60 * self._args.minutes
        self._states.mkdir(exist_ok=True)
        fresh_folder(self._folder)
        import_modules(self._argv)
        fresh_folder(self._folder)
        start = time.perf_counter()
        in_fork(self._command)
        seconds = time.perf_counter() - start
        expected = Expected.of(self._folder)
        if not self._results.numbers("operation"):
            self._stop_at_operations()
        for _ in range(MAX_RUNS):
            self._stop_at_times(seconds)
        steps = [functools.partial(self._kill, number, seconds) for number in self._missing_kills()]
        steps += [functools.partial(self._run_again, name, expected) for name in self._to_run()]
        self._random.shuffle(steps)
        for step in steps:
            if time.perf_counter() < end:
                step()
        for name in self._to_run():  # States that the kills have added.
            if time.perf_counter() < end:
                self._run_again(name, expected)

    def _stop_at_operations(self) -> None:
        fresh_folder(self._folder)
        stop_at_operations(
            self._folder, self._command, functools.partial(self._record, "operation")
        )

    def _stop_at_times(self, seconds: float) -> None:
        """Stop the command at the random times that are missing in the results."""
        first = len(self._results.numbers("time"))
        times = sorted(self._random.uniform(0, seconds) for _ in range(self._args.times - first))
        if times:
            fresh_folder(self._folder)
            stop_at_times(times, self._command, lambda index: self._record("time", first + index))

    def _missing_kills(self) -> list[int]:
        return sorted(set(range(self._args.kills)) - self._results.numbers("kill"))

    def _kill(self, number: int, seconds: float) -> None:
        fresh_folder(self._folder)
        kill_after(self._random.uniform(0, seconds), self._command)
        self._record("kill", number)

    def _record(self, kind: str, number: int) -> None:
        """Record what the command has left in its folder, and keep a copy of each state."""
        name = state(self._folder)
        self._results.add(kind=kind, number=number, state=name, problems=damages(self._folder))
        if not (self._states / name).exists():
            shutil.copytree(self._folder, self._states / name, symlinks=True)

    def _to_run(self) -> list[str]:
        return sorted(self._results.states(*KINDS) - self._results.states("again"))

    def _run_again(self, name: str, expected: Expected) -> None:
        """Run the command again from one of the states that it has left."""
        os.chdir(self._states)
        shutil.rmtree(self._folder)
        shutil.copytree(self._states / name, self._folder, symlinks=True)
        os.chdir(self._folder)
        problems = run_again(self._argv, self._folder, expected)
        self._results.add(kind="again", state=name, problems=problems)


if __name__ == "__main__":
    sys.exit(main())
