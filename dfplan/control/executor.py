"""Workers: who computes plans, and when they are there."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Job = Callable[[], Any]
Result = Callable[[float | None], Any]
"""`result(timeout)`: what the job returned, or None where it still goes on after so many seconds.

A timeout of None waits as long as it takes. What the job raised is raised there."""
Worker = Callable[[Job], Result]
"""`worker(job)` has a job done."""


def inline(job: Job) -> Result:
    """Does it at once."""
    done = job()
    return lambda timeout: done


def background() -> Worker:
    """Does one job after the other in a thread: XLA computes without holding Python's lock."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="dfplan-plans")

    def work(job: Job) -> Result:
        future = pool.submit(job)

        def result(timeout: float | None) -> Any:
            try:
                return future.result(timeout)
            except TimeoutError:
                if future.done():  # then it is the job's own
                    raise
                return None

        return result

    return work


def simulated(steps: int) -> Worker:
    """Does it at once but keeps it back, so that a latency is the same on any machine.

    Args:
        steps: how often a result is asked for, once a control step, until it is there.
    """

    def work(job: Job) -> Result:
        done, left = job(), steps

        def result(timeout: float | None) -> Any:
            nonlocal left
            left -= 1
            return done if left <= 0 else None

        return result

    return work
