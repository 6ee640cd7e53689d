"""Plans for many robots at once, in the way that the machine computes soonest."""

import functools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.planner.plan import History, Plan, Weights
from dfplan.planner.protocol import Planner
from dfplan.planner.warm_start import InitialPlan
from dfplan.types import Array, Cost


class BatchPlanner:
    """Plans for `B` robots: on a CPU a program each, elsewhere one program for all.

    One program ends when the last robot's way is found, and a CPU computes it no faster per robot.
    So there each robot has its own, and the cores share them; that also makes a robot's plan the
    same to the last bit in any batch. Elsewhere a batch is padded to a power of two by repeating a
    row, so that few sizes are ever compiled.

    Args:
        planner: plans for a batch of any size.
        weights: its weights.
    """

    def __init__(self, planner: Planner, weights: Weights):
        self._planner, self._weights = planner, weights
        self._compiled: set[tuple] = set()

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
        """The plans, NumPy arrays that belong to the caller.

        Args:
            seeds: `[B]`, of each robot. counts: `[B]`, the plans it has had with that seed.
            history: what was observed.
            goal: `[B, G]`, SI units; None for none.
            limit: the size that no batch is padded beyond.
            guess, price, denoising: as of `Planner.plan`.
        """
        history = jax.tree.map(np.asarray, history)
        inputs = (history, goal, initial_plan)
        one = functools.partial(self._program, seeds, counts, inputs, extra_cost, denoising)
        if not runs_apart():
            size = min(1 << (len(seeds) - 1).bit_length(), limit)
            rows = np.r_[: len(seeds), np.zeros(size - len(seeds), int)]
            return jax.tree.map(lambda a: a[: len(seeds)].copy(), one(rows))
        rows = [slice(i, i + 1) for i in range(len(seeds))]
        kind = (goal is None, initial_plan is None, jax.tree.structure(extra_cost), denoising)
        # Threads that all meet a new program would each compile it.
        known = 0 if kind in self._compiled else 1
        plans = [*map(one, rows[:known]), *_in_threads(one, rows[known:])]
        self._compiled.add(kind)
        return jax.tree.map(lambda *parts: np.concatenate(parts), *plans)

    def compile(self, batch: int) -> Plan:
        """Run every program once, for so many robots that stand at the data's mean.

        Returns:
            Their plans.
        """
        planner, layout = self._planner, self._planner.model.layout
        shape, steps = (batch, planner.config.history.tokens), planner.horizon * layout.stride
        state, action = (
            np.broadcast_to(np.asarray(norm.mean), (batch, 1, len(norm.mean)))
            for norm in (self._weights.states, self._weights.actions)
        )
        history = History(
            jnp.broadcast_to(state[:, None], (*shape, layout.frame_count, layout.state_dim)),
            jnp.broadcast_to(action[:, None], (*shape, layout.stride, layout.action_dim)),
            jnp.zeros(shape),
        )
        goal = state[:, 0, list(layout.goal_dims)] if layout.has_goal else None
        none = np.zeros(batch, int)
        make = functools.partial(self.plan, none, none, history, goal, batch)
        if planner.config.warm_start.level:
            actions = action.repeat(steps, axis=1) if layout.actions else None
            make(initial_plan=InitialPlan(state.repeat(steps, axis=1), actions))
        return make()

    def _program(
        self, seeds, counts, inputs, extra_cost: Cost | None, denoising: bool, rows
    ) -> Plan:
        plan = self._planner.plan(
            self._weights,
            plan_keys(seeds[rows], counts[rows]),
            *jax.tree.map(lambda a: a[rows], inputs),
            extra_cost=extra_cost,
            denoising=denoising,
        )
        return jax.tree.map(np.asarray, plan)


def runs_apart() -> bool:
    """Whether each robot's plan is a program of its own here."""
    return jax.default_backend() == "cpu"


def _in_threads(function: Callable, arguments: list) -> Iterable:
    workers = min(len(arguments), _cores())
    if workers < 2:
        return map(function, arguments)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, arguments))


def _cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux; it knows of taskset and the like
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@jax.jit
@jax.vmap
def plan_keys(seed: Array, count: Array) -> Array:
    """The random keys of plans: of robots' seeds `[B]`, and of the plans had with them `[B]`."""
    return jax.random.fold_in(jax.random.key(seed), count)
