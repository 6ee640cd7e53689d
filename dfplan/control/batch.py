"""BatchPlanner: batched planning, in parallel threads on a CPU, as one padded program elsewhere."""

import functools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.control.loop import make_plans
from dfplan.control.loop_state import PlanInputs
from dfplan.planner.plan import History, Plan, Weights
from dfplan.planner.protocol import Planner
from dfplan.planner.warm_start import InitialPlan
from dfplan.types import Array, Cost


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
        self._weights = weights
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
            extra_cost: Cost on top of the planner's own, see `Planner.plan`.
            denoising: Whether to return every sampling step; for inputs without an initial plan.
        """

        def sample(mask: np.ndarray, initial_plan: InitialPlan | None) -> Plan:
            if not mask.any():
                return inputs.active_plan
            arguments = (inputs.seeds, inputs.counts, inputs.history, inputs.goal, initial_plan)
            seeds, counts, history, goal, initial_plan = jax.tree.map(lambda a: a[mask], arguments)
            plan = self.plan(
                seeds,
                counts,
                history,
                goal=goal,
                limit=limit,
                initial_plan=initial_plan,
                extra_cost=extra_cost,
                denoising=denoising,
            )
            return plan if mask.all() else _spread(plan, mask)

        return make_plans(self._planner, inputs, sample, xp=np)

    def plan(
        self,
        seeds: np.ndarray,
        counts: np.ndarray,
        history: History,
        goal: np.ndarray | None,
        limit: int,
        *,
        initial_plan: InitialPlan | None = None,
        extra_cost: Cost | None = None,
        denoising: bool = False,
    ) -> Plan:
        """Plan for `B` robots; the plans are NumPy arrays that belong to the caller.

        Args:
            seeds: `[B]` PRNG seeds.
            counts: `[B]` plans made with these seeds before.
            history: Observed tokens.
            goal: `[B, G]` goals in SI units, or None.
            limit: Largest size that a batch is padded to.
            initial_plan: Plans to refine; None plans from scratch.
            extra_cost: Cost on top of the planner's own, see `Planner.plan`.
            denoising: Whether to return every sampling step.
        """
        history = jax.tree.map(np.asarray, history)
        plan_rows = functools.partial(
            self._plan_rows,
            seeds=seeds,
            counts=counts,
            inputs=(history, goal, initial_plan),
            extra_cost=extra_cost,
            denoising=denoising,
        )
        batch = len(seeds)
        if not runs_apart():
            size = min(1 << (batch - 1).bit_length(), limit)
            rows = np.r_[:batch, np.zeros(size - batch, int)]
            return jax.tree.map(lambda a: a[:batch].copy(), plan_rows(rows))
        rows = [slice(i, i + 1) for i in range(batch)]
        program = (goal is None, initial_plan is None, jax.tree.structure(extra_cost), denoising)
        # Threads that start a new program at the same time would each compile it.
        first = 0 if program in self._compiled else 1
        plans = [*map(plan_rows, rows[:first]), *_in_threads(plan_rows, rows[first:])]
        self._compiled.add(program)
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *plans)

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
        zeros = np.zeros(batch, int)
        if planner.config.warm_start.level:
            steps = planner.horizon * layout.stride
            initial_plan = InitialPlan(
                states=np.tile(state, (batch, steps, 1)),
                actions=np.tile(action, (batch, steps, 1)) if layout.actions else None,
            )
            self.plan(zeros, zeros, history, goal=goal, limit=batch, initial_plan=initial_plan)
        return self.plan(zeros, zeros, history, goal=goal, limit=batch)

    def _plan_rows(
        self,
        rows: np.ndarray | slice,
        *,
        seeds: np.ndarray,
        counts: np.ndarray,
        inputs: tuple[History, np.ndarray | None, InitialPlan | None],
        extra_cost: Cost | None,
        denoising: bool,
    ) -> Plan:
        """Run one program."""
        history, goal, initial_plan = jax.tree.map(lambda a: a[rows], inputs)
        plan = self._planner.plan(
            self._weights,
            plan_keys(seeds[rows], counts[rows]),
            history,
            goal=goal,
            initial_plan=initial_plan,
            extra_cost=extra_cost,
            denoising=denoising,
        )
        return jax.tree.map(np.asarray, plan)


def runs_apart() -> bool:
    """Return whether each robot's plan is a program of its own on this machine."""
    return jax.default_backend() == "cpu"


def _spread(plan: Plan, mask: np.ndarray) -> Plan:
    """Return the plans at the rows of a mask, with zeros elsewhere."""

    def spread(leaf: np.ndarray) -> np.ndarray:
        leaves = np.zeros((len(mask), *leaf.shape[1:]), leaf.dtype)
        leaves[mask] = leaf
        return leaves

    return jax.tree.map(spread, plan)


def _in_threads(function: Callable, arguments: list) -> Iterable:
    workers = min(len(arguments), cores())
    if workers < 2:
        return map(function, arguments)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, arguments))


def cores() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux; respects taskset and the like
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@jax.jit
@jax.vmap
def plan_keys(seed: Array, count: Array) -> Array:
    """Return the PRNG keys `[B]` of plans, from seeds and the numbers of plans made with them."""
    return jax.random.fold_in(jax.random.key(seed), count)
