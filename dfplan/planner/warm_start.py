"""Warm starts: what is left of the last plan, as the guess that the next one refines."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from dfplan.diffusion.schedules import Schedule
from dfplan.diffusion.schedules.schedule import ratio_at
from dfplan.planner.config import PlannerConfig
from dfplan.planner.plan import Plan, Weights
from dfplan.planner.progress import PlanProgress
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, ArrayLike

ROUNDING = 1e-3
BEHIND = 0.5
"""Who is slower than so many times its plan does not go where that leads."""


class InitialPlan(NamedTuple):
    """A plan that is not known to be right.

    Attributes:
        states: `[B, P*stride, S]`, SI units, at every control step after the present.
        actions: `[B, P*stride, A]`, those that lead there; None when tokens hold none.
    """

    states: Float[ArrayLike, "B L S"]
    actions: Float[ArrayLike, "B L A"] | None

    def encode(self, layout: TokenLayout, weights: Weights) -> Float[Array, "B P D"]:
        """As clean tokens."""

        def tokens(steps: Array) -> Array:
            return steps.reshape(len(steps), -1, layout.stride, steps.shape[-1])

        frames = tokens(weights.states.encode(jnp.asarray(self.states)))
        frames, actions = frames[:, :, -layout.frame_count :], None
        if self.actions is not None:
            actions = tokens(weights.actions.encode(jnp.asarray(self.actions)))
        return layout.encode(frames, actions)


def make_initial_plan(
    progress: PlanProgress,
    schedule: Schedule,
    config: PlannerConfig,
    plan: Plan,
    elapsed: Int[ArrayLike, "B"],
    present: Float[ArrayLike, "B S"],
) -> tuple[InitialPlan, Bool[ArrayLike, "B"]]:
    """What is left of plans, and for which robots that is worth going on from.

    A plan that is off by a distance is like a reading with so much noise. That of the level that it
    is put back to covers what is less; who is further off is to be planned for from scratch. So is
    one that falls behind its plan, as it may lean on a wall; and one whose plan does not lead to
    its goal.

    Args:
        progress: tells where robots are on their plans; all arrays are of its kind.
        schedule: of the noise.
        config: of the planner; `warm` is the level that tokens are put back to.
        plan: in force. elapsed: control steps since it began.
        present: states, SI units.
    """
    way = progress.way(plan.states)
    last = way.shape[1] - 1
    at, away = progress.locate(way, elapsed, present)
    step = (at[:, None] + np.arange(1, last + 1)).clip(max=last)
    rows = np.arange(len(at))[:, None]
    actions = None if plan.actions is None else plan.actions[rows, step - 1]
    near = away <= ratio_at(schedule, config.warm_start.level)
    behind = at < BEHIND * plan.arrival.clip(max=elapsed)
    return InitialPlan(way[rows, step], actions), is_usable(
        plan, config, progress.stride
    ) & near & ~behind


def is_usable(plan: Plan, config: PlannerConfig, stride: int) -> Bool[ArrayLike, "B"]:
    """Whether plans arrive, and pay for no more than a token of way outside the data's.

    A plan without a goal does not: nothing is known of what follows it.
    """
    paid = plan.cost[np.arange(len(plan.cost)), plan.best] - plan.arrival
    end = (plan.states.shape[1] - 1) * stride
    return (plan.arrival <= end) & (paid <= max(config.ood_penalty * stride, ROUNDING))
