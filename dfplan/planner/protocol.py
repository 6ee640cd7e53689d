"""Planner: what control needs of a planner."""

from typing import Protocol

from jaxtyping import Float, Key

from dfplan.model import Model
from dfplan.planner.config import PlannerConfig
from dfplan.planner.plan import History, Plan, Weights
from dfplan.planner.warm_start import InitialPlan
from dfplan.types import Array, Cost


class Planner(Protocol):
    """Plans for a batch of robots.

    Implementations are static and hashable, so that they are arguments of compiled programs.
    """

    @property
    def model(self) -> Model:
        """Networks, token layout and noise schedule."""
        ...

    @property
    def config(self) -> PlannerConfig:
        """Planner settings."""
        ...

    @property
    def horizon(self) -> int:
        """Future tokens per plan, P."""
        ...

    def plan(
        self,
        weights: Weights,
        keys: Key[Array, "B"],
        history: History,
        goal: Float[Array, "B G"] | None,
        initial_plan: InitialPlan | None = None,
        extra_cost: Cost | None = None,
        denoising: bool = False,
    ) -> Plan:
        """Plan for a batch of robots.

        Args:
            weights: Trained weights.
            keys: PRNG keys, one per robot; a robot's plan does not depend on its batch.
            history: Observed tokens.
            goal: Goals in SI units; None for a task without goals, or to plan without one.
            initial_plan: Plan to refine; None plans from scratch.
            extra_cost: Cost of a plan's states at every control step, in control steps.
            denoising: Whether to return every sampling step.
        """
        ...

    def inverse_action(
        self,
        weights: Weights,
        state: Float[Array, "B S"],
        later: Float[Array, "B S"],
        gap: Float[Array, "B"],
    ) -> Float[Array, "B A"]:
        """Return the action that leads from `state` towards `later`.

        Called only where `config.low_level_controller` is "inverse".

        Args:
            weights: Trained weights.
            state: Present states in SI units.
            later: States to reach, in SI units.
            gap: Control steps from `state` to `later`.
        """
        ...
