"""Progress of long work: a bar on a terminal, a line now and then elsewhere."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from dfplan.cli.common import console

LINES = 10
"""Lines that a whole piece of work prints where there is no terminal."""


@contextlib.contextmanager
def step_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields `advance(done)`."""
    with detail_bar(what, total) as advance:
        yield lambda done: advance(done, "")


@contextlib.contextmanager
def detail_bar(what: str, total: int, begin: int = 0) -> Iterator[Callable[[int, str], None]]:
    """Yields `advance(done, detail)`; the detail stands behind the bar.

    Args:
        what: is done.
        total: steps in all.
        begin: steps that were done before.
    """
    if not console.is_terminal:
        yield _lines(what, total, begin)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=total, completed=begin, detail="")
        yield lambda done, detail: bar.update(task, completed=done, detail=detail)


def _lines(what: str, total: int, begin: int) -> Callable[[int, str], None]:
    started, printed = time.perf_counter(), begin * LINES // total

    def advance(done: int, detail: str) -> None:
        nonlocal printed
        if done * LINES // total > printed:
            printed = done * LINES // total
            left = (time.perf_counter() - started) / (done - begin) * (total - done)
            tail = f", {detail}" if detail else ""
            console.print(f"{what}: {done:,} of {total:,}{tail}, {left:.0f} s left")

    return advance
