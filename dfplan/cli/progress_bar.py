"""Progress of long-running work: a bar on a terminal, occasional lines elsewhere."""

import contextlib
import datetime
import time
from collections.abc import Callable, Iterator

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from dfplan.cli.common import console

LINES = 10
"""Number of lines that are printed in total without a terminal."""
QUIET_S = 20.0
"""Seconds after which a line is also printed before the first step is done."""


@contextlib.contextmanager
def step_bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress, and yield `advance(done)`."""
    with detail_bar(title, total) as advance:
        yield lambda done: advance(done, "")


@contextlib.contextmanager
def detail_bar(title: str, total: int, start: int = 0) -> Iterator[Callable[[int, str], None]]:
    """Show progress, and yield `advance(done, detail)`.

    Args:
        title: Description of the work.
        total: Total number of steps.
        start: Number of steps that were done earlier.
    """
    if not console.is_terminal:
        yield _line_printer(title, total, start)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=total, completed=start, detail="")
        yield lambda done, detail: bar.update(task, completed=done, detail=detail)


def _line_printer(title: str, total: int, start: int) -> Callable[[int, str], None]:
    printed = start * LINES // total
    begin = last_time = time.perf_counter()
    # The time left is extrapolated from what follows the first call, which includes compilation.
    first = None

    def advance(done: int, detail: str) -> None:
        nonlocal printed, last_time, first
        now = time.perf_counter()
        if done <= start and detail and now - last_time > QUIET_S:
            last_time = now
            console.print(f"{title}: {detail}")
        if done * LINES // total > printed:
            printed = done * LINES // total
            since, before = first or (begin, start)
            left = (now - since) / (done - before) * (total - done)
            suffix = f", {detail}" if detail else ""
            duration = datetime.timedelta(seconds=round(left))
            console.print(f"{title}: {done:,} of {total:,}{suffix}, {duration} left")
        if done > start and first is None:
            first = now, done

    return advance
