"""RequestExecutor: computes requests in threads, up to a bound."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dfplan.types import UserError

T = TypeVar("T")


class Busy(UserError):
    """A request that was refused because too many are being computed."""


class RequestExecutor:
    """Runs requests off the event loop; most of their time they wait for shared plans.

    Args:
        waiting: Requests that may wait or be computed at once.

    Attributes:
        waiting: Requests that wait or are computed now.
    """

    def __init__(self, waiting: int):
        self._limit = waiting
        self._threads = ThreadPoolExecutor(waiting, thread_name_prefix="dfplan-requests")
        self.waiting = 0

    async def run(self, function: Callable[..., T], *args: object) -> T:
        """Call a function in a thread and return its result.

        Raises:
            Busy: If too many requests wait already; nothing has happened then.
        """
        if self.waiting >= self._limit:
            raise Busy(f"the server is busy: {self.waiting} requests wait already; ask again later")
        self.waiting += 1
        try:
            call = asyncio.get_running_loop().run_in_executor(self._threads, function, *args)
            return await asyncio.shield(call)
        finally:
            self.waiting -= 1

    def close(self) -> None:
        """Accept no more requests; those that run end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
