"""PlanRequests: plans that an executor computes, from the request until they are followed."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

from dfplan.control.loop_state import LoopState, PlanInputs
from dfplan.control.replanning import is_stale
from dfplan.planner.plan import Plan


class PlanRequests:
    """Requested plans that are not yet followed, in the order of their requests.

    Args:
        executor: Executor that computes the plans.
    """

    def __init__(self, executor: Executor):
        self._executor = executor
        self._waiting: list[tuple[PlanInputs, Future]] = []

    def submit(self, make: Callable[..., Plan], inputs: PlanInputs, **options: Any) -> None:
        """Request the plans `make(inputs, **options)`."""
        self._waiting.append((inputs, self._executor.submit(make, inputs, **options)))

    def pop_ready(self, deadline: float | None) -> Iterator[tuple[PlanInputs, Plan]]:
        """Yield the plans that are ready; keep the other requests.

        Args:
            deadline: Value of `time.perf_counter()` up to which to wait; None for no limit.

        Raises:
            Exception: If planning fails; the exception that it raised.
        """
        for request in list(self._waiting):
            inputs, plans = request
            if not _is_ready(plans, deadline):
                continue
            # Before the result, which may be an exception: the others have to be left to `cancel`.
            self._waiting = [other for other in self._waiting if other is not request]
            yield inputs, plans.result()

    def cancel_stale(self, state: LoopState) -> None:
        """Drop requests whose plans would not be followed, so that later ones need not wait."""
        requests = self._waiting
        self._waiting = [request for request in requests if not is_stale(state, request[0])]
        _cancel([request for request in requests if is_stale(state, request[0])])

    def cancel(self) -> None:
        """Drop all requests; plans that the executor has not begun are never computed."""
        requests = self._waiting
        self._waiting = []
        _cancel(requests)


def _cancel(requests: list[tuple[PlanInputs, Future]]) -> None:
    for _, plans in requests:
        plans.cancel()


def _is_ready(plans: Future, deadline: float | None) -> bool:
    """Wait for a result up to a deadline; return whether it, or an exception, is there."""
    try:
        plans.result(_seconds_until(deadline))
    except TimeoutError:
        return plans.done()  # It became ready just now, or planning itself raised this.
    except Exception:
        return True
    return True


def _seconds_until(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - time.perf_counter(), 0.0)
