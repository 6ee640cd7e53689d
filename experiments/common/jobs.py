"""Jobs of experiments, in this process or on a Ray cluster."""

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from dfplan.cli.common import console
from dfplan.types import UserError
from dfplan.util.jobs import Executor, Job, LocalExecutor
from dfplan.util.ray_jobs import RayExecutor


def add_ray_options(parser: argparse.ArgumentParser) -> None:
    """Add the options --ray and --ray-address, for `open_executor`."""
    parser.add_argument(
        "--ray", action="store_true", help="run jobs side by side on a Ray cluster on this machine"
    )
    parser.add_argument("--ray-address", metavar="ADDRESS", help="use this running cluster instead")


def open_executor(args: argparse.Namespace) -> AbstractContextManager[Executor]:
    """Return a context manager of the executor that these options choose."""
    if args.ray or args.ray_address:
        return RayExecutor(args.ray_address or "")
    return nullcontext(LocalExecutor())


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
