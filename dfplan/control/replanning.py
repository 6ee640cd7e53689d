"""Replanning, as pure functions: what plans are requested, and when they are followed.

`dfplan.control.loop` shows the order of the calls. A plan is requested with its inputs
(`plan_inputs`), made (`make_plans`, or begun before by `begin_plans`) and followed (`activate`),
unless its episode or goal has changed meanwhile. All arrays are NumPy's, or JAX's where `spec.xp`
is `jax.numpy`.
"""

import functools
from collections.abc import Callable
from types import ModuleType

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from dfplan.control.history_buffer import history_tokens
from dfplan.control.loop_state import NO_PLAN, LoopSpec, LoopState, PlanInputs
from dfplan.control.rows import Rows, choose, take, with_rows
from dfplan.planner.plan import Plan
from dfplan.planner.prefix import Prefix, committed_steps, remaining_steps
from dfplan.planner.protocol import Planner
from dfplan.planner.warm_start import InitialPlan, is_usable, make_initial_plan
from dfplan.types import XpArray

SamplePlans = Callable[[Bool[XpArray, "K"], InitialPlan | None], Plan]
"""Samples plans of `K` robots from initial plans, or from scratch for None.

Plans outside the mask are ignored.
"""


def needs_plan(spec: LoopSpec, state: LoopState) -> Bool[XpArray, "B"]:
    """Return which robots need a plan that has not been requested.

    They have no plan, an old plan, or a plan to another goal.
    """
    has_no_plan = state.elapsed == NO_PLAN
    is_old = state.elapsed >= spec.planner.config.replan_every
    return (has_no_plan | state.goal_moved | is_old) & ~state.is_requested


def group_by_delay(
    spec: LoopSpec, state: LoopState, mask: Bool[np.ndarray, "B"]
) -> list[tuple[Int[np.ndarray, "K"], int]]:
    """Group robots that need plans by the number of control steps that their plans commit.

    A robot that has a plan executes it until the next one is there. A robot without one waits
    where it is. In NumPy.

    Returns:
        The rows of each group that is not empty, with its delay in control steps.
    """
    delay = spec.planner.config.timing.inference_delay
    groups = [(mask, 0)]
    if delay:
        has_plan = np.asarray(state.elapsed != NO_PLAN)
        groups = [(mask & has_plan, delay), (mask & ~has_plan, 0)]
    return [(np.flatnonzero(group), steps) for group, steps in groups if group.any()]


def plan_inputs(
    spec: LoopSpec,
    state: LoopState,
    rows: Rows,
    *,
    delay: int = 0,
    warm_start: bool = True,
) -> tuple[PlanInputs, LoopState]:
    """Request plans.

    Args:
        spec: Constants of the loop.
        state: State of the loop.
        rows: Robots to plan for.
        delay: Control steps that planning takes, for robots that have a plan: the plans begin with
            what these execute meanwhile.
        warm_start: Whether plans may refine the remaining parts of the active plans.

    Returns:
        The inputs of the plans, and the state that records the requests.
    """
    xp = spec.xp
    config = spec.planner.config
    layout = spec.planner.model.layout
    active_plan = take(state.plan._replace(denoising=None), rows)
    prefix = None
    if delay:
        elapsed = xp.maximum(state.elapsed[rows], 0)
        prefix = _committed_prefix(
            spec, active_plan, elapsed, present=state.state[rows], delay=delay
        )
    initial_plan, is_warm = _warm_start(spec, state, rows, active_plan, allowed=warm_start)
    inputs = PlanInputs(
        rows=rows,
        version=state.version[rows],
        start=state.clock,
        seeds=state.seeds[rows],
        counts=state.plan_counts[rows],
        history=history_tokens(layout, config.history.tokens, take(state.history, rows), xp=xp),
        goal=None if state.goal is None else state.goal[rows],
        active_plan=active_plan,
        initial_plan=initial_plan,
        prefix=prefix,
        is_warm=is_warm,
    )
    state = state._replace(
        is_requested=with_rows(state.is_requested, rows, True, xp=xp),
        plan_counts=with_rows(state.plan_counts, rows, inputs.counts + 1, xp=xp),
    )
    return inputs, state


def make_plans(planner: Planner, inputs: PlanInputs, sample: SamplePlans, xp: ModuleType) -> Plan:
    """Refine the initial plans; plan from scratch where the refined plan is missing or unusable.

    Args:
        planner: Planner.
        inputs: Inputs of the plans.
        sample: Function that samples plans.
        xp: `numpy` or `jax.numpy`.
    """
    if inputs.initial_plan is None:
        return sample(xp.ones(len(inputs.is_warm), bool), None)
    refined = sample(inputs.is_warm, inputs.initial_plan)
    usable = is_usable(refined, planner.config, planner.model.layout.stride)
    keeps_refined = inputs.is_warm & usable
    fresh = sample(~keeps_refined, None)
    return jax.tree.map(functools.partial(choose, keeps_refined, xp=xp), refined, fresh)


def begin_plans(inputs: PlanInputs, begin: SamplePlans, xp: ModuleType) -> Plan:
    """Begin plans, from initial plans where these are usable; `make_plans` finishes them.

    Args:
        inputs: Inputs of the plans.
        begin: Function that begins plans, and returns their first tokens as plans.
        xp: `numpy` or `jax.numpy`.
    """
    if inputs.initial_plan is None:
        return begin(xp.ones(len(inputs.is_warm), bool), None)
    refined = begin(inputs.is_warm, inputs.initial_plan)
    fresh = begin(~inputs.is_warm, None)
    return jax.tree.map(functools.partial(choose, inputs.is_warm, xp=xp), refined, fresh)


def activate(
    spec: LoopSpec, state: LoopState, inputs: PlanInputs, plan: Plan, *, is_whole: bool = True
) -> LoopState:
    """Follow new plans from now on, except those of an episode or goal that has changed.

    A robot that had no plan begins the new one now. Any other continues the new plan at the control
    step that the plan has reached by now.

    Args:
        spec: Constants of the loop.
        state: State of the loop.
        inputs: Inputs of the plans.
        plan: Plans.
        is_whole: Whether these are the whole plans; if not, the requests stay open.
    """
    xp = spec.xp
    rows = inputs.rows
    is_valid = state.version[rows] == inputs.version
    waited = state.elapsed[rows] == NO_PLAN
    elapsed = xp.where(waited, 0, state.clock - inputs.start)

    def update(old: XpArray, new: XpArray) -> XpArray:
        return with_rows(old, rows, choose(is_valid, new, old[rows], xp=xp), xp=xp)

    is_whole_batch = len(plan.states) == len(state.elapsed)
    active_plan = state.plan._replace(denoising=None)
    active_plan = jax.tree.map(update, active_plan, plan._replace(denoising=None))
    goal_moved = state.goal_moved[rows] & ~is_valid
    is_requested = state.is_requested[rows] & ~(is_valid & is_whole)
    return state._replace(
        plan=active_plan._replace(denoising=plan.denoising if is_whole_batch else None),
        elapsed=update(state.elapsed, elapsed),
        goal_moved=with_rows(state.goal_moved, rows, goal_moved, xp=xp),
        is_requested=with_rows(state.is_requested, rows, is_requested, xp=xp),
    )


def is_stale(state: LoopState, inputs: PlanInputs) -> bool:
    """Return whether every robot has had a new episode or goal since it requested these plans."""
    return not (state.version[inputs.rows] == inputs.version).any()


def withdraw_requests(state: LoopState) -> LoopState:
    """Withdraw all requests, so that `needs_plan` asks for plans again; in NumPy."""
    return state._replace(is_requested=np.zeros(len(state.is_requested), bool))


def _warm_start(
    spec: LoopSpec, state: LoopState, rows: Rows, plan: Plan, *, allowed: bool
) -> tuple[InitialPlan | None, Bool[XpArray, "K"]]:
    """Return what is left of the active plans, and which robots' is worth refining.

    Return None if nobody's can be.
    """
    xp = spec.xp
    config = spec.planner.config
    follows_plan = ((state.elapsed != NO_PLAN) & ~state.goal_moved)[rows]
    # A compiled program plans both ways in any case.
    may_be_warm = xp is not np or follows_plan.any()
    if not (allowed and config.warm_start.level and may_be_warm):
        return None, xp.zeros(len(follows_plan), bool)
    initial_plan, is_warm = make_initial_plan(
        spec.progress,
        spec.planner.model.schedule,
        config,
        plan=plan,
        elapsed=xp.maximum(state.elapsed[rows], 0),
        present=state.state[rows],
    )
    return initial_plan, is_warm & follows_plan


def _committed_prefix(
    spec: LoopSpec,
    plan: Plan,
    elapsed: Int[XpArray, "K"],
    *,
    present: Float[XpArray, "K S"],
    delay: int,
) -> Prefix:
    """Return the control steps of the active plans that are executed in the next `delay` steps.

    Planned actions are replayed by the clock: the robot's deviation from its plan remains, and so
    displaces the states to come. Other controllers drive toward planned states at a pace of their
    own, so the robot continues from the state that it is nearest to.
    """
    path = spec.progress.interpolate(plan.states)
    steps = committed_steps(spec.planner.model.layout, delay)
    if not spec.planner.config.replays_actions:
        at, _ = spec.progress.locate(path, elapsed, present)
        return Prefix(*remaining_steps(spec.progress, plan, at, steps))
    states, actions = remaining_steps(spec.progress, plan, elapsed, steps)
    now = spec.xp.minimum(elapsed, path.shape[1] - 1)
    deviation = present - path[np.arange(len(elapsed)), now]
    return Prefix(states + deviation[:, None], spec.layout.clip_action(actions, spec.xp))
