"""PlanCall: what a planner plans from."""

from typing import NamedTuple

from jaxtyping import Float, Key

from dfplan.planner.plan import History, Weights
from dfplan.planner.prefix import Prefix
from dfplan.planner.warm_start import InitialPlan
from dfplan.types import Array, Cost


class PlanCall(NamedTuple):
    """Inputs of one planning call for a batch of robots; a pytree.

    Attributes:
        weights: Trained weights.
        keys: PRNG keys, one per robot; a robot's plan does not depend on its batch.
        history: Observed tokens.
        goal: Goals in SI units; None for a task without goals, or to plan without one.
        initial_plan: Plan to refine; None plans from scratch.
        prefix: First control steps of the plan, which are committed; None if none are.
        extra_cost: Cost of a plan's states at every control step, in control steps, on top of the
            ranker's; or None.
    """

    weights: Weights
    keys: Key[Array, "B"]
    history: History
    goal: Float[Array, "B G"] | None
    initial_plan: InitialPlan | None = None
    prefix: Prefix | None = None
    extra_cost: Cost | None = None
