"""Request: what plans of some robots of a batch are made of, and how they are made."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Int

from dfplan.control.batch import BatchPlanner
from dfplan.planner.plan import History, Plan
from dfplan.planner.protocol import Planner
from dfplan.planner.warm_start import InitialPlan, is_usable
from dfplan.types import Cost


class Request(NamedTuple):
    """What plans are made of, for some robots of a batch.

    Attributes:
        rows: `[K]` which robots. version: `[K]` their episode and goal, by number.
        start: the control step at which the plans begin.
        seeds, counts, history, goal, price, denoising: as `BatchPlanner.plan` takes them.
        guess: of each, or None. warm: `[K]` bool, whose guess is to be begun from.
    """

    rows: Int[np.ndarray, "K"]
    version: Int[np.ndarray, "K"]
    start: int
    seeds: np.ndarray
    counts: np.ndarray
    history: History
    goal: np.ndarray | None
    extra_cost: Cost | None
    denoising: bool
    initial_plan: InitialPlan | None
    warm: Bool[np.ndarray, "K"]

    def make(self, planner: Planner, plans: BatchPlanner, limit: int) -> Plan:
        """The plans: from guesses, and from scratch where there is none or it does not lead on.

        Args:
            planner: judges them. plans: makes them.
            limit: as of `BatchPlanner.plan`.
        """
        fresh = ~self.warm
        if fresh.all():
            return self._some(plans, fresh, limit, None)
        begun = self._some(plans, self.warm, limit, self.initial_plan)
        fresh[self.warm] = ~is_usable(begun, planner.config, planner.model.layout.stride)
        if not fresh.any():
            return begun
        made = self._some(plans, fresh, limit, None)
        empty = jax.tree.map(lambda a: np.zeros((len(fresh), *a.shape[1:]), a.dtype), made)
        return merge(merge(empty, self.warm, begun), fresh, made)

    def _some(
        self, plans: BatchPlanner, mask: np.ndarray, limit: int, initial_plan: InitialPlan | None
    ) -> Plan:
        """The plans of the robots in `mask`."""
        inputs = (self.seeds, self.counts, self.history, self.goal, initial_plan)
        seeds, counts, history, goal, initial_plan = jax.tree.map(lambda a: a[mask], inputs)
        more = {
            "initial_plan": initial_plan,
            "extra_cost": self.extra_cost,
            "denoising": self.denoising,
        }
        return plans.plan(seeds, counts, history, goal, limit, **more)


def merge(
    plan: Plan, rows: np.ndarray, other: Plan, chosen: np.ndarray | slice = slice(None)
) -> Plan:
    """`plan`, changed, with rows of another one."""
    plan, other = (p._replace(denoising=None) for p in (plan, other))
    for old, new in zip(jax.tree.leaves(plan), jax.tree.leaves(other), strict=True):
        old[rows] = new[chosen]
    return plan
