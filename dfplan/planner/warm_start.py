"""Warm starts: the remaining part of the last plan, which the next one refines."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from dfplan.diffusion.schedules import Schedule
from dfplan.diffusion.schedules.schedule import ratio_at
from dfplan.planner.config import PlannerConfig
from dfplan.planner.plan import Plan, Weights
from dfplan.planner.prefix import encode_steps, remaining_steps
from dfplan.planner.progress import PlanProgress
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, ArrayLike

ROUNDING = 1e-3
"""Tolerance on a plan's cost, in control steps."""
MIN_PROGRESS = 0.5
"""Fraction of the planned progress below which a robot counts as stuck."""


class InitialPlan(NamedTuple):
    """A plan for the planner to refine.

    Attributes:
        states: `[B, P*stride, S]`, SI units, at every control step after the present.
        actions: `[B, P*stride, A]` actions that lead there; None if tokens hold no actions.
    """

    states: Float[ArrayLike, "B L S"]
    actions: Float[ArrayLike, "B L A"] | None

    def encode(self, layout: TokenLayout, weights: Weights) -> Float[Array, "B P D"]:
        """Return the plan as clean tokens."""
        return encode_steps(layout, weights, self.states, self.actions)


def make_initial_plan(
    progress: PlanProgress,
    schedule: Schedule,
    config: PlannerConfig,
    plan: Plan,
    elapsed: Int[ArrayLike, "B"],
    present: Float[ArrayLike, "B S"],
) -> tuple[InitialPlan, Bool[ArrayLike, "B"]]:
    """Return the remaining part of each active plan, and a mask of those worth refining.

    A robot at some distance from its plan is like a reading with that much noise: distances below
    the noise of `warm_start.level` are covered by re-noising the plan to that level. Plans are made
    from scratch for robots that are farther from their plan, that lag behind it (they may be
    leaning on a wall), or whose plan is not usable (see `is_usable`).

    Args:
        progress: Locates robots on their plans; all arrays are of its array library.
        schedule: Noise schedule.
        config: Planner settings.
        plan: Active plans.
        elapsed: Control steps since they began.
        present: Present states, SI units.
    """
    path = progress.interpolate(plan.states)
    at, distance = progress.locate(path, elapsed, present)
    states, actions = remaining_steps(progress, plan, at, path.shape[1] - 1)
    is_near = distance <= ratio_at(schedule, config.warm_start.level)
    is_behind = at < MIN_PROGRESS * plan.arrival.clip(max=elapsed)
    usable = is_usable(plan, config, progress.stride)
    return InitialPlan(states, actions), usable & is_near & ~is_behind


def is_usable(plan: Plan, config: PlannerConfig, stride: int) -> Bool[ArrayLike, "B"]:
    """Return which plans arrive with an OOD penalty of at most one token off the data support.

    A plan without a goal is never usable, since nothing is known about what follows it.

    Args:
        plan: Plans to check.
        config: Planner settings.
        stride: Control steps per token.
    """
    penalty = plan.cost[np.arange(len(plan.cost)), plan.best] - plan.arrival
    end = (plan.states.shape[1] - 1) * stride
    return (plan.arrival <= end) & (penalty <= max(config.ood_penalty * stride, ROUNDING))
