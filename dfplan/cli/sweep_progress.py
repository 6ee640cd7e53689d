"""Progress of trainings in other processes, read from the logs that they write."""

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from dfplan.cli.progress_bar import step_bar

WATCH_S = 5.0
TAIL_BYTES = 4096
"""Bytes that hold the last line of a log."""


@contextlib.contextmanager
def training_bar(runs: Mapping[Path, int]) -> Iterator[None]:
    """Show how many steps of several trainings are done, while the context lasts.

    Args:
        runs: Number of training steps of each run, by its directory.
    """
    over = threading.Event()
    with step_bar("training steps", sum(runs.values())) as advance:

        def watch() -> None:
            while not over.wait(WATCH_S):
                advance(sum(min(trained_steps(run), steps) for run, steps in runs.items()))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def trained_steps(run: Path) -> int:
    """Return the last training step in a run's log; 0 without one."""
    try:
        with (run / "metrics.jsonl").open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - TAIL_BYTES, 0))
            lines = file.read().splitlines()
    except OSError:  # it has not begun
        return 0
    for line in reversed(lines):
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a line that is being written
            return int(json.loads(line)["step"])
    return 0
