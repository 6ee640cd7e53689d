"""State of the control loop, its constants, and the inputs of the plans that it requests."""

import dataclasses
from types import ModuleType
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from dfplan.control.estimator import FilterState, StateEstimator
from dfplan.control.history_buffer import HistoryBuffer
from dfplan.control.inputs import check_actions
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.low_level import LowLevelController, make_low_level_controller
from dfplan.control.motion import Motion
from dfplan.control.rows import Rows
from dfplan.planner.plan import History, Plan, Weights
from dfplan.planner.prefix import Prefix
from dfplan.planner.progress import PlanProgress
from dfplan.planner.protocol import Planner, check_planner
from dfplan.planner.warm_start import InitialPlan
from dfplan.representation.layout import Layout
from dfplan.types import Tracker, UserError, XpArray

NO_PLAN = -1
"""Elapsed steps of a robot that has no plan."""


@dataclasses.dataclass(frozen=True)
class LoopSpec:
    """Constants of the control loop.

    Attributes:
        planner: Planner, for its settings, token layout and horizon.
        layout: Observation layout, which bounds the actions.
        controller: Low-level controller.
        estimator: State estimator; None if readings are exact and complete. NumPy only.
        motion: Dynamics of the data; None if unknown.
        progress: Locates robots on their plans.
        xp: Array library, `numpy` or `jax.numpy`.
    """

    planner: Planner
    layout: Layout
    controller: LowLevelController
    estimator: StateEstimator | None
    motion: Motion | None
    progress: PlanProgress
    xp: ModuleType

    @classmethod
    def create(
        cls,
        planner: Planner,
        weights: Weights,
        layout: Layout,
        *,
        tracker: Tracker | None = None,
        dynamics: LinearDynamics | None = None,
        xp: ModuleType = np,
    ) -> "LoopSpec":
        """Return the spec of a planner.

        Args:
            planner: Planner to follow.
            weights: Trained weights.
            layout: Observation layout of the task.
            tracker: Tracking function, if `planner.config.low_level_controller` is "tracker".
            dynamics: Dynamics fitted to the data; needed if observations are noisy or may be
                missing.
            xp: `numpy` or `jax.numpy`.

        Raises:
            UserError: If the planner needs a tracker or dynamics and it is missing, or the
                observation noise has neither one number nor one per state dimension, or the
                planner or its low-level controller does not implement its protocol.
        """
        config = check_planner(planner).config
        estimator = None
        if config.sensing.filters:
            if dynamics is None:
                raise UserError(
                    "planner.sensing.observation_noise and planner.sensing.missing need dynamics "
                    "fitted to the data, got None; valid without dynamics: () and false"
                )
            estimator = StateEstimator.create(
                dynamics,
                weights.states,
                weights.actions,
                observation_noise=config.sensing.observation_noise,
            )
        return cls(
            planner=planner,
            layout=layout,
            controller=make_low_level_controller(planner, weights, tracker, xp=xp),
            estimator=estimator,
            motion=None if dynamics is None else Motion.create(dynamics, weights),
            progress=PlanProgress(planner.model.layout, weights.states, xp),
            xp=xp,
        )

    def check_actions(self, action: np.ndarray, batch: int) -> None:
        """Check actions that the low-level controller returned.

        Args:
            action: Actions in NumPy.
            batch: Number of robots.

        Raises:
            UserError: If they are not `[batch, A]`, or a number is not finite.
        """
        source = f"low-level controller {self.planner.config.low_level_controller!r}"
        check_actions(source, action, needed=(batch, self.layout.action_dim))


class LoopState(NamedTuple):
    """State of the control loop of `B` robots; SI units, control steps.

    Attributes:
        history: Latest observations and actions.
        filter: State of the state estimator; None without an estimator.
        state: `[B, S]` present states, as observed or as estimated.
        goal: `[B, G]` goals, or None.
        plan: Active plans.
        elapsed: `[B]` steps since each active plan began; `NO_PLAN` where there is no plan.
        goal_moved: `[B]` whether the goal has moved since the active plan was requested.
        is_requested: `[B]` whether a plan has been requested and not yet activated.
        version: `[B]` number of the episode and goal, which tells late plans from valid ones.
        seeds: `[B]` PRNG seeds of the plans.
        plan_counts: `[B]` plans requested with each seed.
        clock: Steps since the loop began.
    """

    history: HistoryBuffer
    filter: FilterState | None
    state: Float[XpArray, "B S"]
    goal: Float[XpArray, "B G"] | None
    plan: Plan
    elapsed: Int[XpArray, "B"]
    goal_moved: Bool[XpArray, "B"]
    is_requested: Bool[XpArray, "B"]
    version: Int[XpArray, "B"]
    seeds: Int[XpArray, "B"]
    plan_counts: Int[XpArray, "B"]
    clock: Int[XpArray, ""]


class PlanInputs(NamedTuple):
    """Inputs of the plans of `K` robots.

    Attributes:
        rows: Indices of the robots in their batch.
        version: `[K]` number of each robot's episode and goal.
        start: Clock at which the plans begin, the time of the request.
        seeds: `[K]` PRNG seeds.
        counts: `[K]` plans made with these seeds before.
        history: History tokens.
        goal: `[K, G]` goals in SI units, or None.
        active_plan: Active plans.
        initial_plan: Remaining plans to refine; None to plan from scratch.
        prefix: Committed control steps that the plans begin with; None if there are none.
        is_warm: `[K]` robots whose remaining plan is worth refining.
    """

    rows: Rows
    version: Int[XpArray, "K"]
    start: Int[XpArray, ""]
    seeds: Int[XpArray, "K"]
    counts: Int[XpArray, "K"]
    history: History
    goal: Float[XpArray, "K G"] | None
    active_plan: Plan
    initial_plan: InitialPlan | None
    prefix: Prefix | None
    is_warm: Bool[XpArray, "K"]
