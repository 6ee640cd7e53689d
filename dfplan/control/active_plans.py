"""ActivePlans: the plans that a batch of robots follows, and how newer ones replace them."""

import functools
import time

import jax
import numpy as np
from jaxtyping import Bool, Float

from dfplan.control.batch import BatchPlanner
from dfplan.control.executor import Result, Worker
from dfplan.control.observer import Observer
from dfplan.control.plan_request import Request, merge
from dfplan.planner.plan import Plan, Weights, hold_position
from dfplan.planner.protocol import Planner
from dfplan.planner.progress import PlanProgress
from dfplan.planner.warm_start import InitialPlan, make_initial_plan
from dfplan.types import Cost

NO_PLAN = -1


class ActivePlans:
    """Keeps `B` robots' plans: tells which are due, asks for them, and puts them in force.

    Args:
        planner, weights: make guesses, and say when plans are due.
        plans: makes plans.
        worker: has them made.
        seeds: `[B]` of each robot. counts: `[B]` plans it has had with that seed, counted up here.

    Attributes:
        plan: NumPy arrays with one row per robot; None before any.
        elapsed: `[B]` control steps since its plan begins; `NO_PLAN` where it has none.
    """

    def __init__(
        self,
        planner: Planner,
        weights: Weights,
        plans: BatchPlanner,
        worker: Worker,
        seeds: np.ndarray,
        counts: np.ndarray,
    ):
        self._planner, self._plans, self._worker = planner, plans, worker
        self._seeds, self._counts, batch = seeds, counts, len(seeds)
        config, layout = planner.config, planner.model.layout
        self._progress = None
        if config.warm_start.level or config.timing.latency_steps:
            self._progress = PlanProgress(layout, weights.states)
        self.plan: Plan | None = None
        self.elapsed = np.full(batch, NO_PLAN)
        self._goal = np.full((batch, len(layout.goal_dims)), np.nan)
        self._moved, self._asked = np.zeros(batch, bool), np.zeros(batch, bool)
        self._version, self._clock = np.zeros(batch, int), 0
        self._pending: list[tuple[Request, Result]] = []

    def forget(self, mask: Bool[np.ndarray, "B"]) -> None:
        """Drop the plans of the robots in `mask`, those on their way included."""
        self.elapsed[mask] = NO_PLAN
        self._version[mask] += 1
        self._asked[mask] = False

    def advance(self) -> None:
        """A control step has passed."""
        self._clock += 1
        self.elapsed[self.elapsed != NO_PLAN] += 1

    def due(self, goal: np.ndarray | None) -> Bool[np.ndarray, "B"]:
        """Who needs a plan that it has not asked for: it has none, an old one, or to another goal.

        With a lead, one is asked for as much sooner.
        """
        goal = np.full_like(self._goal, np.nan) if goal is None else goal
        same = ((goal == self._goal) | (np.isnan(goal) & np.isnan(self._goal))).all(axis=-1)
        self._goal = goal.copy()
        self._version[~same] += 1
        self._asked &= same
        self._moved |= ~same
        config = self._planner.config
        old = self.elapsed >= max(config.replan_every - config.timing.latency_steps, 1)
        return ((self.elapsed == NO_PLAN) | self._moved | old) & ~self._asked

    def ask(
        self,
        due: Bool[np.ndarray, "B"],
        observer: Observer,
        state: Float[np.ndarray, "B S"],
        goal: np.ndarray | None,
        *,
        extra_cost: Cost | None = None,
        denoising: bool = False,
    ) -> None:
        """Have plans made for the robots that are `due`.

        Args:
            due: which.
            observer: what they have observed.
            state: the present. goal: SI units, or None.
            price, denoising: as of `Planner.plan`.
        """
        settled = (self.elapsed != NO_PLAN) & ~self._moved
        lead = self._planner.config.timing.latency_steps
        # Who stands still until there is a plan will be where it is.
        groups = ((due & settled, lead), (due & ~settled, 0)) if lead else ((due, 0),)
        for mask, steps in groups:
            if mask.any():
                rows = np.flatnonzero(mask)
                ahead = self._ahead(rows, state[rows], steps)
                initial_plan, warm = self._guess(
                    rows, ahead[:, -1] if steps else state[rows], steps
                )
                request = Request(
                    rows,
                    self._version[rows],
                    self._clock + steps,
                    self._seeds[rows],
                    self._counts[rows],
                    observer.history(rows, ahead),
                    None if goal is None else goal[rows],
                    extra_cost,
                    denoising,
                    initial_plan,
                    warm & settled[rows] & (not denoising),
                )
                self._send(request, len(due))

    def _send(self, request: Request, limit: int) -> None:
        make = functools.partial(request.make, self._planner, self._plans, limit)
        self._pending.append((request, self._worker(make)))
        self._counts[request.rows] += 1
        self._asked[request.rows] = True

    def take(self, until: float | None) -> None:
        """Put the plans in force that were asked for, of those that are there and begin by now.

        Args:
            until: `time.perf_counter()` to wait for them to; None for as long as it takes.
        """
        waiting, self._pending = self._pending, []
        for request, result in waiting:
            early = self._clock < request.start
            try:
                plan = result(_seconds_to(0.0 if early else until))
            except BaseException:
                self._asked[:] = False  # all that was on its way is to be asked for again
                raise
            if plan is None:
                self._pending.append((request, result))
            elif early:
                self._pending.append((request, functools.partial(_known, plan)))
            else:
                self._put(request, plan)

    def stand_still(self, state: Float[np.ndarray, "B S"]) -> None:
        """Let robots that have no plan yet rest where they are."""
        none = self.elapsed == NO_PLAN
        if none.any():
            config = self._planner.config
            layout, horizon = self._planner.model.layout, self._planner.horizon
            still = hold_position(layout, state, horizon, config.candidates, config.history.tokens)
            self.plan = still if self.plan is None else merge(self.plan, none, still, none)

    def _put(self, request: Request, plan: Plan) -> None:
        """Of plans that were made, put those in force that are still wanted."""
        valid = self._version[request.rows] == request.version
        rows = request.rows[valid]
        begun = np.where(self.elapsed[rows] == NO_PLAN, 0, self._clock - request.start)
        self.plan = plan if self.plan is None else merge(self.plan, rows, plan, valid)
        self.elapsed[rows] = begun
        self._moved[rows] = self._asked[rows] = False

    def _ahead(self, rows: np.ndarray, state: np.ndarray, steps: int) -> np.ndarray:
        """What is expected of robots until their plans begin, `[K, steps, S]`."""
        if not steps:
            return np.zeros((len(rows), 0, state.shape[1]), state.dtype)
        assert self.plan is not None and self._progress is not None
        states = np.asarray(self.plan.states)[rows]
        return self._progress.ahead(states, self.elapsed[rows], state, steps)

    def _guess(
        self, rows: np.ndarray, start: np.ndarray, steps: int
    ) -> tuple[InitialPlan | None, np.ndarray]:
        """What is left of their plans at `start`, `steps` from now, and whether to refine it."""
        config = self._planner.config
        if self.plan is None or not config.warm_start.level:
            return None, np.zeros(len(rows), bool)
        assert self._progress is not None
        plan = jax.tree.map(lambda a: a[rows], self.plan._replace(denoising=None))
        initial_plan, warm = make_initial_plan(
            self._progress,
            self._planner.model.schedule,
            config,
            plan,
            np.maximum(self.elapsed[rows], 0) + steps,
            start,
        )
        return initial_plan, np.asarray(warm)


def _seconds_to(until: float | None) -> float | None:
    return None if until is None else max(until - time.perf_counter(), 0.0)


def _known(plan: Plan, timeout: float | None) -> Plan:
    """The result of a job that is done."""
    return plan
