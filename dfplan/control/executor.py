"""Executors that make plans at once, or with a simulated latency.

For plans in the background, use `concurrent.futures.ThreadPoolExecutor(1)`: XLA computes without
holding Python's lock.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class SynchronousExecutor(Executor):
    """Runs each call in the calling thread when it is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Call `fn` and return its completed future."""
        return _run(Future(), fn, *args, **kwargs)


class DelayedExecutor(Executor):
    """Simulates a latency in control steps, so that episodes do not depend on the machine.

    Each call runs when it is submitted, but its future withholds the result until it has been asked
    for it `steps` times with a timeout, as an `Agent` does once per control step.

    Args:
        steps: Control steps from a request to its plan.
    """

    def __init__(self, steps: int):
        self._steps = steps

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Call `fn` and return a future that withholds the result."""
        return _run(_DelayedFuture(self._steps), fn, *args, **kwargs)


class _DelayedFuture(Future):
    def __init__(self, steps: int):
        super().__init__()
        self._steps_left = steps

    def done(self) -> bool:
        return self._steps_left <= 0 and super().done()

    def result(self, timeout: float | None = None) -> Any:
        self._steps_left -= 1
        if timeout is not None and not self.done():
            raise TimeoutError
        return super().result(timeout)


def _run(future: Future, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Future:
    try:
        future.set_result(fn(*args, **kwargs))
    except Exception as error:
        future.set_exception(error)
    return future
