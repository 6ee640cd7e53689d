"""ObjectsPlanner: one object at a time, for goals that are about several.

Data of an arm that plays with cubes hold single moves; a goal for several cubes takes a sequence of
them that no episode may hold. This planner plans to subgoals: one object at its goal, the others
where they are. It follows the plan that arrives first, and keeps to its object until that is in
place.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Key

from dfplan.model import Model
from dfplan.planner.config import PlannerConfig
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import History, Plan, Weights
from dfplan.planner.prefix import Prefix
from dfplan.planner.warm_start import InitialPlan
from dfplan.types import Array, Cost, PyTree, UserError


@dataclasses.dataclass(frozen=True)
class ObjectsPlanner:
    """Plans to subgoals that differ from the present in one object. A `Planner`.

    Attributes:
        model: See `DiffusionPlanner`.
        config: See `DiffusionPlanner`.
        horizon: See `DiffusionPlanner`.
        size: Goal dimensions of an object; the goal's dimensions list one object after the other.

    Raises:
        UserError: If the goal's dimensions cannot be divided into objects, or as for
            `DiffusionPlanner`.
    """

    model: Model
    config: PlannerConfig
    horizon: int
    size: int = 3

    def __post_init__(self):
        goals = len(self.model.layout.goal_dims)
        if self.size < 1 or not goals or goals % self.size:
            raise UserError(
                f"planner.kind 'objects' has size {self.size}, and the goal has {goals} dimensions;"
                " needed: a size that divides their number"
            )
        if self.config.timing.near_tokens:
            raise UserError(
                "planner.kind 'objects' compares whole plans, so that none can be followed early; "
                "valid with it: planner.timing.near_tokens 0"
            )
        _ = self._planner  # raises if the settings do not fit

    @functools.cached_property
    def _planner(self) -> DiffusionPlanner:
        return DiffusionPlanner(self.model, self.config, self.horizon)

    @functools.partial(jax.jit, static_argnames=("self", "denoising"))
    def plan(
        self,
        weights: Weights,
        keys: Key[Array, "B"],
        history: History,
        goal: Float[Array, "B G"] | None,
        initial_plan: InitialPlan | None = None,
        prefix: Prefix | None = None,
        extra_cost: Cost | None = None,
        denoising: bool = False,
    ) -> Plan:
        """Plan for a batch of robots; see `Planner.plan`.

        The arrival is that at the subgoal.
        """
        rest = {"extra_cost": extra_cost, "denoising": denoising}
        if goal is None:
            return self._planner.plan(weights, keys, history, None, initial_plan, prefix, **rest)
        dims = jnp.asarray(self.model.layout.goal_dims, jnp.int32)
        present = history.frames[:, -1, -1][:, dims]
        if initial_plan is not None:
            end = jnp.asarray(initial_plan.states)[:, -1][:, dims]
            is_pursued = self._at_goal(end, goal) & ~self._at_goal(present, goal)
            subgoal = self._mix(is_pursued, goal, present)
            plan = self._planner.plan(weights, keys, history, subgoal, initial_plan, prefix, **rest)
            # A plan whose object is in place is over; the next one is for another object.
            never = (self.horizon + 2.0) * self.model.layout.stride
            return plan._replace(arrival=jnp.where(is_pursued.any(-1), plan.arrival, never))
        plans = self._plan_each(weights, keys, history, goal, present, prefix=prefix, rest=rest)
        cost = plans.cost.min(axis=-1)
        is_placed = self._at_goal(present, goal)
        cost = jnp.where(is_placed & ~is_placed.all(axis=-1, keepdims=True), jnp.inf, cost)
        best = jnp.argmin(cost, axis=1)
        return jax.tree.map(lambda rows: jax.vmap(lambda row, k: row[k])(rows, best), plans)

    def _plan_each(
        self,
        weights: Weights,
        keys: Key[Array, "B"],
        history: History,
        goal: Float[Array, "B G"],
        present: Float[Array, "B G"],
        *,
        prefix: Prefix | None,
        rest: dict[str, Any],
    ) -> Plan:
        """Return a plan for each object, `[B, K, ...]`."""
        batch = goal.shape[0]
        count = goal.shape[1] // self.size
        is_pursued = jnp.broadcast_to(jnp.eye(count, dtype=bool), (batch, count, count))
        subgoals = self._mix(is_pursued, goal[:, None], present[:, None])
        keys = jax.vmap(lambda key: jax.random.split(key, count))(keys).reshape(-1)
        plans = self._planner.plan(
            weights,
            keys,
            _repeat(history, count),
            subgoals.reshape(batch * count, -1),
            None,
            _repeat(prefix, count),
            **rest,
        )
        return jax.tree.map(lambda array: array.reshape(batch, count, *array.shape[1:]), plans)

    def inverse_action(
        self,
        weights: Weights,
        state: Float[Array, "B S"],
        later: Float[Array, "B S"],
        gap: Float[Array, "B"],
    ) -> Float[Array, "B A"]:
        """Return the action that leads from `state` toward `later`; see `Planner`."""
        return self._planner.inverse_action(weights, state, later, gap)

    def _at_goal(
        self, position: Float[Array, "B G"], goal: Float[Array, "B G"]
    ) -> Bool[Array, "B K"]:
        """Return which objects are within the goal's tolerance."""
        offset = (position - goal).reshape(*goal.shape[:-1], -1, self.size)
        return jnp.linalg.norm(offset, axis=-1) <= self.config.goal.tolerance

    def _mix(
        self,
        is_pursued: Bool[Array, "*b K"],
        goal: Float[Array, "*b G"],
        present: Float[Array, "*b G"],
    ) -> Float[Array, "*b G"]:
        """Return subgoals: the goal of the objects that are pursued, the others' present place."""
        return jnp.where(jnp.repeat(is_pursued, self.size, axis=-1), goal, present)


def _repeat(tree: PyTree, count: int) -> PyTree:
    return jax.tree.map(lambda array: jnp.repeat(array, count, axis=0), tree)
