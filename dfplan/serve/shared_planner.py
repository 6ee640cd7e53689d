"""SharedPlanner: plans that several agents request at the same time are made together."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

import jax
import numpy as np

from dfplan.control.batch import BatchPlanner, runs_apart
from dfplan.control.loop_state import PlanInputs
from dfplan.control.plan_maker import PlanMaker
from dfplan.planner.plan import Plan, Weights
from dfplan.planner.protocol import Planner
from dfplan.types import Cost, UserError
from dfplan.util.threads import cores

ACCELERATOR_BATCH = 64


class Call(NamedTuple):
    """Plans that an agent has requested and waits for.

    Attributes:
        make: Function that makes what several calls ask for; it returns a function from the rows of
            a call to that call's result.
        inputs: Inputs of the agent's plans.
        result: Result of the call.
    """

    make: Callable[[PlanInputs], Callable[[slice], Any]]
    inputs: PlanInputs
    result: Future[Any]


class SharedPlanner(PlanMaker):
    """Makes plans in worker threads for agents, which may request them at any time.

    Calls wait in one queue. A worker takes the first one and those that follow within `wait_ms`, up
    to `size`, and makes their plans in one batch, which `BatchPlanner` pads to sizes that are
    compiled in advance. On a CPU, where each plan is a program of its own, a batch is one plan by
    default: agents then make their plans in their own threads, as many at a time as there are
    cores. Plans depend on their own inputs alone, so an agent gets those that it would make by
    itself: bit for bit on a CPU, elsewhere up to rounding.

    Args:
        planner: Planner.
        weights: Trained weights.
        size: Largest number of plans in a batch; 0 for the machine's default.
        wait_ms: Time that a call waits for others, in milliseconds.
        on_batch: Function that is called with the size of each batch.
    """

    def __init__(
        self,
        planner: Planner,
        weights: Weights,
        *,
        size: int = 0,
        wait_ms: float = 2.0,
        on_batch: Callable[[int], object] = lambda size: None,
    ):
        self._planner = BatchPlanner(planner, weights)
        self.size = size or (1 if runs_apart() else ACCELERATOR_BATCH)
        self._wait_s = wait_ms / 1000
        self._on_batch = on_batch
        self._queue: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._is_open = True
        self._lock = threading.Lock()  # so that no call follows the end of the queue
        self._slots = threading.Semaphore(cores())  # for plans in agents' own threads
        if self.size > 1:
            threading.Thread(target=self._work, name="dfplan-plans", daemon=True).start()

    def make_plans(
        self,
        inputs: PlanInputs,
        limit: int,
        *,
        extra_cost: Cost | None = None,
        denoising: bool = False,
    ) -> Plan:
        """Make requested plans, together with those of other agents; see `BatchPlanner`.

        Plans with an extra cost, or with their denoising, are made alone.

        Raises:
            UserError: If the planner is closed.
        """
        if extra_cost is not None or denoising:
            return self._planner.make_plans(
                inputs, limit, extra_cost=extra_cost, denoising=denoising
            )
        return self._wait(Call(self._make, inputs, Future()))

    def begin_plans(
        self, inputs: PlanInputs, limit: int, *, extra_cost: Cost | None = None
    ) -> tuple[Plan, Callable[[], Plan]]:
        """Begin requested plans, together with those of other agents; see `BatchPlanner`.

        The agent that finishes its plan first finishes those of its batch.

        Raises:
            UserError: If the planner is closed.
        """
        if extra_cost is not None:
            return self._planner.begin_plans(inputs, limit, extra_cost=extra_cost)
        return self._wait(Call(self._begin, inputs, Future()))

    def compile(self, batch: int) -> Plan:
        """Run every program once, in all sizes that batches are padded to."""
        size = 1
        while not runs_apart() and size < self.size:
            self._planner.compile(size)
            size = min(2 * size, self.size)
        return self._planner.compile(max(size, batch))

    def close(self) -> None:
        """Refuse further calls; the worker ends once all earlier ones are answered."""
        with self._lock:
            self._is_open = False
            self._queue.put(None)

    def _wait(self, call: Call) -> Any:
        """Return the result of a call, once this thread or the worker has made it."""
        with self._lock:
            if not self._is_open:
                raise UserError("the server has stopped")
            if self.size > 1:
                self._queue.put(call)
        if self.size > 1:
            return call.result.result()
        with self._slots:
            self._answer([call])
        return call.result.result()

    def _make(self, inputs: PlanInputs) -> Callable[[slice], Plan]:
        plans = self._planner.make_plans(inputs, self.size)
        return lambda rows: _take(plans, rows)

    def _begin(self, inputs: PlanInputs) -> Callable[[slice], tuple[Plan, Callable[[], Plan]]]:
        beginnings, finish = self._planner.begin_plans(inputs, self.size)
        finish = _once(finish)
        return lambda rows: (_take(beginnings, rows), lambda: _take(finish(), rows))

    def _work(self) -> None:
        while batch := self._next_batch():
            for calls in _alike(batch):
                self._answer(calls)

    def _next_batch(self) -> list[Call]:
        """Wait for a call and those that join it; return an empty list when closed."""
        first = self._queue.get()
        if first is None:
            return []
        batch = [first]
        end = time.perf_counter() + self._wait_s
        while len(batch) < self.size:
            try:
                call = self._queue.get(timeout=max(end - time.perf_counter(), 0.0))
            except queue.Empty:
                break
            if call is None:
                self._queue.put(None)
                break
            batch.append(call)
        return batch

    def _answer(self, calls: list[Call]) -> None:
        """Make plans; if they fail together, one by one, so that only the culprit's fail."""
        try:
            result_of = calls[0].make(_join([call.inputs for call in calls]))
        except Exception as error:
            if len(calls) == 1:
                calls[0].result.set_exception(error)
                return
            for call in calls:
                self._answer([call])
            return
        self._on_batch(len(calls))
        row = 0
        for call in calls:
            rows = slice(row, row + len(call.inputs.seeds))
            row = rows.stop
            call.result.set_result(result_of(rows))


def _take(plans: Plan, rows: slice) -> Plan:
    return jax.tree.map(lambda leaf: leaf[rows], plans)


def _alike(batch: list[Call]) -> list[list[Call]]:
    """Group calls that the same programs can answer: those that have, for example, a goal."""
    groups: dict[object, list[Call]] = {}
    for call in batch:
        groups.setdefault((call.make, jax.tree.structure(call.inputs)), []).append(call)
    return list(groups.values())


def _once(function: Callable[[], Plan]) -> Callable[[], Plan]:
    """Return a function for several threads, the first of which calls this one for all of them."""
    lock = threading.Lock()
    results: list[Plan] = []

    def call() -> Plan:
        with lock:
            if not results:
                results.append(function())
            return results[0]

    return call


def _join(inputs: list[PlanInputs]) -> PlanInputs:
    """Return the inputs of all plans as those of one batch, whose rows and start are its own."""
    if len(inputs) == 1:
        return inputs[0]
    parts = [part._replace(rows=None, start=None) for part in inputs]  # pyright: ignore
    joined = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    return joined._replace(rows=np.arange(len(joined.seeds)), start=np.int32(0))
