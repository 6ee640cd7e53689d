"""BatchPlanner: batched planning, in parallel threads on a CPU, as one padded program elsewhere."""

import functools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.control.loop_state import PlanInputs
from dfplan.control.replanning import begin_plans, make_plans
from dfplan.control.rows import choose
from dfplan.model import plain_params
from dfplan.planner.call import PlanCall
from dfplan.planner.call_sampling import Draft
from dfplan.planner.plan import History, Plan, Weights
from dfplan.planner.prefix import Prefix, committed_steps
from dfplan.planner.protocol import Planner
from dfplan.planner.warm_start import InitialPlan
from dfplan.types import Array, Cost
from dfplan.util.threads import cores


class PlanRequest(NamedTuple):
    """What `B` robots plan from.

    Attributes:
        seeds: `[B]` PRNG seeds.
        counts: `[B]` plans made with these seeds before.
        history: Observed tokens.
        goal: `[B, G]` goals in SI units, or None.
        initial_plan: Plans to refine; None plans from scratch.
        prefix: Control steps that the plans begin with, or None.
    """

    seeds: np.ndarray
    counts: np.ndarray
    history: History
    goal: np.ndarray | None = None
    initial_plan: InitialPlan | None = None
    prefix: Prefix | None = None


class BatchPlanner:
    """Plans for `B` robots: on a CPU with one program per robot, elsewhere with one for all.

    A program for all robots ends only when the last plan is complete, and a CPU runs it no faster
    per robot. On a CPU, each robot therefore has a program of its own, and the cores share these
    programs; this also makes a robot's plan independent of its batch, to the last bit. Elsewhere a
    batch is padded to a power of two by repeating a row, so that few sizes are ever compiled.

    Args:
        planner: Planner.
        weights: Trained weights.
    """

    def __init__(self, planner: Planner, weights: Weights):
        self._planner = planner
        self._weights = weights._replace(params=plain_params(weights.params))
        self._compiled: set[tuple] = set()

    def make_plans(
        self,
        inputs: PlanInputs,
        limit: int,
        *,
        extra_cost: Cost | None = None,
        denoising: bool = False,
    ) -> Plan:
        """Make requested plans, from warm starts where these are usable.

        Args:
            inputs: Inputs of the plans.
            limit: Largest size that a batch is padded to.
            extra_cost: Cost on top of the planner's own, see `PlanCall`.
            denoising: Whether to return every sampling step; for inputs without an initial plan.
        """

        def sample(mask: np.ndarray, initial_plan: InitialPlan | None) -> Plan:
            if not mask.any():
                return inputs.active_plan
            chosen = _take(inputs, mask, initial_plan)
            plan = self.plan(chosen, limit, extra_cost=extra_cost, denoising=denoising)
            return _spread(plan, mask)

        return make_plans(self._planner, inputs, sample, xp=np)

    def begin_plans(
        self, inputs: PlanInputs, limit: int, *, extra_cost: Cost | None = None
    ) -> tuple[Plan, Callable[[], Plan]]:
        """Make the beginnings of requested plans, see `DiffusionPlanner.begin`.

        Args:
            inputs: Inputs of the plans.
            limit: Largest size that a batch is padded to.
            extra_cost: Cost on top of the planner's own, see `PlanCall`.

        Returns:
            The beginnings, and a function that finishes the plans: it returns what `make_plans`
            does.
        """
        begun: dict[bool, tuple[np.ndarray, list[tuple[PlanCall, Draft]]]] = {}

        def begin(mask: np.ndarray, initial_plan: InitialPlan | None) -> Plan:
            if not mask.any():
                return inputs.active_plan
            calls = self._calls(_take(inputs, mask, initial_plan), limit, extra_cost=extra_cost)
            plan, drafts = self._begin_calls(calls, int(mask.sum()))
            begun[initial_plan is not None] = mask, drafts
            return _spread(plan, mask)

        def finish(mask: np.ndarray, initial_plan: InitialPlan | None) -> Plan:
            is_begun = np.zeros(len(mask), bool)
            plan = inputs.active_plan
            if (initial_plan is not None) in begun:
                is_begun, drafts = begun[initial_plan is not None]
                plans = self._run("finish", self._finish, drafts)
                plan = _spread(_join(plans, int(is_begun.sum())), is_begun)
            others = mask & ~is_begun
            if not others.any():
                return plan
            chosen = _take(inputs, others, initial_plan)
            rest = _spread(self.plan(chosen, limit, extra_cost=extra_cost), others)
            return jax.tree.map(functools.partial(choose, others, xp=np), rest, plan)

        beginnings = begin_plans(inputs, begin, xp=np)
        return beginnings, lambda: make_plans(self._planner, inputs, finish, xp=np)

    def plan(
        self,
        request: PlanRequest,
        limit: int,
        *,
        extra_cost: Cost | None = None,
        denoising: bool = False,
    ) -> Plan:
        """Plan for `B` robots; the plans are NumPy arrays that belong to the caller.

        Args:
            request: What to plan from.
            limit: Largest size that a batch is padded to.
            extra_cost: Cost on top of the planner's own, see `PlanCall`.
            denoising: Whether to return every sampling step.
        """

        def plan(call: PlanCall) -> Plan:
            return jax.tree.map(np.asarray, self._planner.plan(call, denoising=denoising))

        calls = self._calls(request, limit, extra_cost=extra_cost)
        name = "plan with denoising" if denoising else "plan"
        return _join(self._run(name, plan, calls), batch=len(request.seeds))

    def compile(self, batch: int) -> Plan:
        """Run every program once, for `batch` robots that rest at the data's mean.

        Returns:
            Their plans.
        """
        planner = self._planner
        layout = planner.model.layout
        shape = (batch, planner.config.history.tokens)
        state = np.asarray(self._weights.states.mean)
        action = np.asarray(self._weights.actions.mean)
        history = History(
            frames=jnp.broadcast_to(state, (*shape, layout.frame_count, layout.state_dim)),
            actions=jnp.broadcast_to(action, (*shape, layout.stride, layout.action_dim)),
            level=jnp.zeros(shape, jnp.float32),
        )
        goal = None
        if layout.goal_dims:
            goal = np.tile(state[list(layout.goal_dims)], (batch, 1))

        def at_rest(steps: int) -> tuple[np.ndarray, np.ndarray | None]:
            actions = np.tile(action, (batch, steps, 1)) if layout.actions else None
            return np.tile(state, (batch, steps, 1)), actions

        timing = planner.config.timing
        prefix = None
        if timing.inference_delay:
            prefix = Prefix(*at_rest(committed_steps(layout, timing.inference_delay)))
        zeros = np.zeros(batch, int)
        fresh = PlanRequest(zeros, zeros, history, goal)
        requests = [fresh._replace(prefix=prefix)] if prefix is not None else []
        if planner.config.warm_start.level:
            initial_plan = InitialPlan(*at_rest(planner.horizon * layout.stride))
            requests.append(fresh._replace(initial_plan=initial_plan, prefix=prefix))
        for request in requests:
            self._compile(request)
        return self._compile(fresh)

    def _compile(self, request: PlanRequest) -> Plan:
        """Run the programs that make the plans of a request; return these."""
        batch = len(request.seeds)
        if self._planner.config.timing.near_tokens:
            _, drafts = self._begin_calls(self._calls(request, batch), batch)
            self._run("finish", self._finish, drafts)
        return self.plan(request, batch)

    def _begin_calls(
        self, calls: list[tuple[PlanCall]], batch: int
    ) -> tuple[Plan, list[tuple[PlanCall, Draft]]]:
        """Return the beginnings of plans, and what finishes them."""
        plans, drafts = zip(*self._run("begin", self._begin, calls), strict=True)
        pairs = [(call, draft) for (call,), draft in zip(calls, drafts, strict=True)]
        return _join(plans, batch), pairs

    def _begin(self, call: PlanCall) -> tuple[Plan, Draft]:
        plan, draft = self._planner.begin(call)  # pyright: ignore
        return jax.tree.map(np.asarray, plan), draft

    def _finish(self, call: PlanCall, draft: Draft) -> Plan:
        return jax.tree.map(np.asarray, self._planner.finish(call, draft))  # pyright: ignore

    def _calls(
        self, request: PlanRequest, limit: int, extra_cost: Cost | None = None
    ) -> list[tuple[PlanCall]]:
        """Return the arguments of each program."""
        request = request._replace(history=jax.tree.map(np.asarray, request.history))
        calls = []
        for rows in _programs(len(request.seeds), limit):
            part = _rows(request, rows)
            call = PlanCall(
                weights=self._weights,
                keys=plan_keys(part.seeds, part.counts),
                history=part.history,
                goal=part.goal,
                initial_plan=part.initial_plan,
                prefix=part.prefix,
                extra_cost=extra_cost,
            )
            calls.append((call,))
        return calls

    def _run(self, name: str, function: Callable, calls: Sequence[tuple]) -> list:
        """Call a function that runs one program, with each of the arguments, in threads."""
        call = calls[0][0]
        program = (
            name,
            call.goal is None,
            call.initial_plan is None,
            0 if call.prefix is None else call.prefix.steps,
            jax.tree.structure(call.extra_cost),
        )
        # Threads that start a new program at the same time would each compile it.
        first = 0 if program in self._compiled else 1
        run = functools.partial(_apply, function)
        results = [*map(run, calls[:first]), *_in_threads(run, calls[first:])]
        self._compiled.add(program)
        return results


def runs_apart() -> bool:
    """Return whether each robot's plan is a program of its own on this machine."""
    return jax.default_backend() == "cpu"


def _programs(batch: int, limit: int) -> list[slice] | list[np.ndarray]:
    """Return the robots of each program."""
    if runs_apart():
        return [slice(i, i + 1) for i in range(batch)]
    size = min(1 << (batch - 1).bit_length(), limit)
    return [np.r_[:batch, np.zeros(size - batch, int)]]


def _join(plans: Sequence[Plan], batch: int) -> Plan:
    """Return the plans of all programs, without padding."""
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:batch], *plans)


def _take(inputs: PlanInputs, mask: np.ndarray, initial_plan: InitialPlan | None) -> PlanRequest:
    """Return what the plans of the robots in a mask need."""
    request = PlanRequest(
        seeds=inputs.seeds,
        counts=inputs.counts,
        history=inputs.history,
        goal=inputs.goal,
        initial_plan=initial_plan,
        prefix=inputs.prefix,
    )
    return _rows(request, mask)


def _rows(request: PlanRequest, rows: np.ndarray | slice) -> Any:
    return jax.tree.map(lambda a: a[rows], request)


def _spread(plan: Plan, mask: np.ndarray) -> Plan:
    """Return the plans at the rows of a mask, with zeros elsewhere."""
    if mask.all():
        return plan

    def spread(leaf: np.ndarray) -> np.ndarray:
        leaves = np.zeros((len(mask), *leaf.shape[1:]), leaf.dtype)
        leaves[mask] = leaf
        return leaves

    return jax.tree.map(spread, plan)


def _apply(function: Callable, arguments: tuple) -> Any:
    return function(*arguments)


def _in_threads(function: Callable, arguments: Sequence[tuple]) -> Iterable:
    workers = min(len(arguments), cores())
    if workers < 2:
        return map(function, arguments)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, arguments))


@jax.jit
@jax.vmap
def plan_keys(seed: Array, count: Array) -> Array:
    """Return the PRNG keys `[B]` of plans, from seeds and the numbers of plans made with them."""
    return jax.random.fold_in(jax.random.key(seed), count)
