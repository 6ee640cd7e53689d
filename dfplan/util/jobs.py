"""Independent jobs: what they are, running them in this process, and keeping their results.

A job names its function and has arguments that JSON can write, so that another process can run it
without receiving any code. `dfplan.util.ray_jobs` runs jobs on a cluster.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from dfplan.types import UserError
from dfplan.util.files import write_bytes
from dfplan.util.locks import exclusive

Report = Callable[[int], None]
"""Function that is called with how much of a job is done, in units of `Job.size`."""
JobFunction = Callable[[dict[str, Any], Report], bytes]
"""Function of a job's arguments that returns its result, as bytes that need no code to be read."""


class Job(NamedTuple):
    """Work that does not depend on other jobs and, on the same arguments, has the same result.

    Attributes:
        name: Name in file names and messages.
        function: Function of a module; see `JobFunction`.
        arguments: Its arguments, which JSON can write.
        size: Amount of work in any unit, for the progress.
    """

    name: str
    function: JobFunction
    arguments: dict[str, Any]
    size: int = 1

    @property
    def path(self) -> str:
        """The function as "module:function"."""
        return f"{self.function.__module__}:{self.function.__qualname__}"

    @property
    def text(self) -> str:
        """The arguments as JSON."""
        return json.dumps(self.arguments, sort_keys=True)

    def result_file(self, folder: Path) -> Path:
        """Return the file of the result, which no job with other arguments shares."""
        digest = hashlib.sha256(f"{self.path} {self.text}".encode()).hexdigest()
        return folder / f"{self.name}-{digest[:12]}"


class Outcome(NamedTuple):
    """The end of a job.

    Attributes:
        number: Number of the job.
        result: Its result, or the error in the user's input or in the cluster that ended it.
    """

    number: int
    result: bytes | UserError


class Executor(Protocol):
    """Something that runs jobs."""

    def run(
        self, jobs: Sequence[Job], report: Callable[[int, int], None]
    ) -> Generator[Outcome, None, None]:
        """Yield the outcomes of jobs as they end; closing the generator ends the other jobs.

        Args:
            jobs: Jobs.
            report: Function that may be called with a job's number and how much of it is done, and
                also to show that jobs are running.
        """
        ...


class LocalExecutor:
    """Runs jobs in this process, one after the other."""

    def run(
        self, jobs: Sequence[Job], report: Callable[[int, int], None]
    ) -> Generator[Outcome, None, None]:
        """See `Executor`."""
        for index, job in enumerate(jobs):
            yield Outcome(index, attempt(job.function, job.text, functools.partial(report, index)))


def attempt(function: JobFunction, text: str, report: Report) -> bytes | UserError:
    """Return the result of a job, or the error in the user's input that ended it.

    Args:
        function: Function of the job.
        text: Its arguments as JSON.
        report: See `Report`.
    """
    try:
        return function(json.loads(text), report)
    except UserError as error:
        return error


def run_jobs(
    jobs: Sequence[Job],
    folder: Path,
    *,
    executor: Executor,
    progress: Callable[[int], None] | None = None,
    ended: Callable[[Job, UserError | None], None] | None = None,
) -> list[Path]:
    """Run jobs and write their results to files; those that have a result are skipped.

    Args:
        jobs: Jobs with different names.
        folder: Folder of the results, which this call locks.
        executor: Executor of the jobs.
        progress: Function that is called with the size of all finished work.
        ended: Function that is called with each job that has ended and its error or None. Without
            it, the first error ends the call.

    Returns:
        The file of each job's result, which a failed job does not have.

    Raises:
        UserError: If a job has failed and `ended` is None, or a result cannot be written.
        LockedError: If another process runs jobs in this folder.
    """
    files = [job.result_file(folder) for job in jobs]
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder):
        left = [i for i, file in enumerate(files) if not file.exists()]
        done = [0 if i in set(left) else job.size for i, job in enumerate(jobs)]

        def advance(number: int, size: int) -> None:
            done[left[number]] = size
            if progress is not None:
                progress(sum(done))

        outcomes = executor.run([jobs[i] for i in left], advance)
        try:
            for number, result in outcomes:
                job = jobs[left[number]]
                if isinstance(result, UserError):
                    if ended is None:
                        raise result
                    ended(job, result)
                    continue
                write_bytes(files[left[number]], result)
                advance(number, job.size)
                if ended is not None:
                    ended(job, None)
        finally:
            outcomes.close()
    return files
