"""Jobs of experiments, in this process or on a Ray cluster."""

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from dfplan.cli.common import console
from dfplan.types import UserError
from dfplan.util.jobs import Executor, Job, LocalExecutor
from dfplan.util.ray_jobs import RayExecutor


def add_ray_option(parser: argparse.ArgumentParser) -> None:
    """Add the option --ray [ADDRESS], for `open_executor`."""
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="run jobs side by side on a Ray cluster; without an address, on this machine",
    )


def open_executor(address: str | None) -> AbstractContextManager[Executor]:
    """Return a context manager of the executor for the value of --ray."""
    return nullcontext(LocalExecutor()) if address is None else RayExecutor(address)


def run_all(jobs: Sequence[Job], executor: Executor) -> None:
    """Run jobs that write their results themselves, and skip finished work.

    Raises:
        UserError: If a job fails; the others that have begun are interrupted.
    """
    outcomes = executor.run(jobs, lambda number, done: None)
    try:
        for done, (index, result) in enumerate(outcomes, 1):
            if isinstance(result, UserError):
                raise result
            if not isinstance(executor, LocalExecutor):  # whose jobs print for themselves
                console.print(f"{done} of {len(jobs)}: {jobs[index].name} done")
    finally:
        outcomes.close()
