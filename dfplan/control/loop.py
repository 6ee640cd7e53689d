"""The control loop of a batch of robots as pure functions: state in, state out.

A control step, here for plans that are made at once:

    state = observe(spec, state, reading, goal)
    rows = np.flatnonzero(needs_plan(spec, state))
    inputs, state = plan_inputs(spec, state, rows)
    state = activate(spec, state, inputs, batch_planner.make_plans(inputs, limit=len(rows)))
    action, state = act(spec, state)

`dfplan.agent.Agent` runs these functions in NumPy, with plans from an executor; then plans may come
late (`hold_without_plan`) or begin with what is executed meanwhile (`group_by_delay`).
`dfplan.control.closed_loop.ClosedLoop` scans them in JAX. No function changes its arguments. States
and goals are in the local coordinates of the layout.
"""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from dfplan.control.estimator import as_reading
from dfplan.control.history_buffer import (
    history_tokens,
    init_history,
    record_action,
    record_state,
    reset_history,
)
from dfplan.control.inputs import check_actions
from dfplan.control.loop_state import NO_PLAN, LoopSpec, LoopState, PlanInputs, Rows
from dfplan.planner.plan import Plan, hold_position
from dfplan.planner.prefix import Prefix, committed_steps, remaining_steps
from dfplan.planner.protocol import Planner
from dfplan.planner.warm_start import InitialPlan, is_usable, make_initial_plan
from dfplan.types import XpArray

SamplePlans = Callable[[Bool[XpArray, "K"], InitialPlan | None], Plan]
"""Samples plans of `K` robots from initial plans, or from scratch for None.

Plans outside the mask are ignored.
"""


def init(
    spec: LoopSpec, seeds: Int[XpArray, "B"], plan_counts: Int[XpArray, "B"] | None = None
) -> LoopState:
    """Return the state of robots that have not been observed yet.

    Args:
        spec: Constants of the loop.
        seeds: PRNG seeds of the plans, one per robot.
        plan_counts: Plans made with these seeds before; 0 if None.
    """
    xp = spec.xp
    config = spec.planner.config
    layout = spec.planner.model.layout
    batch = len(seeds)
    state = np.zeros((batch, layout.state_dim), np.float32)
    return LoopState(
        history=init_history(layout, config.history.tokens, batch, xp=xp),
        filter=None if spec.estimator is None else spec.estimator.init(batch),
        state=xp.asarray(state),
        goal=None,
        plan=jax.tree.map(xp.asarray, _plans_at_rest(spec, state)),
        elapsed=xp.full(batch, NO_PLAN),
        goal_moved=xp.zeros(batch, bool),
        is_requested=xp.zeros(batch, bool),
        version=xp.zeros(batch, int),
        seeds=xp.asarray(seeds),
        plan_counts=xp.zeros(batch, int) if plan_counts is None else plan_counts,
        clock=xp.int32(0),
    )


def reset(
    spec: LoopSpec,
    state: LoopState,
    mask: Bool[XpArray, "B"],
    seeds: Int[XpArray, "B"] | None = None,
) -> LoopState:
    """Begin an episode for the robots in `mask`: drop history and plans, also requested ones.

    Args:
        spec: Constants of the loop.
        state: State of the loop.
        mask: Robots that begin an episode.
        seeds: New PRNG seeds, read where `mask` is true; None keeps the seeds and their counts.
    """
    xp = spec.xp
    if seeds is not None:
        state = state._replace(
            seeds=xp.where(mask, seeds, state.seeds),
            plan_counts=xp.where(mask, 0, state.plan_counts),
        )
    estimated = state.filter
    if spec.estimator is not None and estimated is not None:
        estimated = spec.estimator.reset(estimated, mask)
    return state._replace(
        history=reset_history(state.history, mask, xp),
        filter=estimated,
        elapsed=xp.where(mask, NO_PLAN, state.elapsed),
        is_requested=state.is_requested & ~mask,
        version=state.version + mask,
    )


def observe(
    spec: LoopSpec,
    state: LoopState,
    reading: Float[XpArray, "B S"],
    goal: Float[XpArray, "B G"] | None,
) -> LoopState:
    """Take in the present readings and goals.

    Args:
        spec: Constants of the loop.
        state: State of the loop.
        reading: Observed states in SI units; NaN where missing.
        goal: Goals in SI units, or None.
    """
    xp = spec.xp
    present = reading
    token = reading
    level: Any = spec.planner.config.history.level
    estimated = state.filter
    if spec.estimator is not None and estimated is not None:
        present, deviation, estimated = spec.estimator.observe(estimated, reading)
        schedule = spec.planner.model.schedule
        token, posterior_level = as_reading(
            schedule, spec.estimator.states, mean=present, deviation=deviation
        )
        level = np.maximum(posterior_level, level)
    goal_moved = _has_moved(state, goal, xp)
    return state._replace(
        history=record_state(state.history, token, level, xp=xp),
        filter=estimated,
        state=present,
        goal=goal,
        goal_moved=state.goal_moved | goal_moved,
        is_requested=state.is_requested & ~goal_moved,
        version=state.version + goal_moved,
    )


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
    active_plan = _take(state.plan._replace(denoising=None), rows)
    elapsed = xp.maximum(state.elapsed[rows], 0)
    present = state.state[rows]
    prefix = None
    if delay:
        prefix = _committed_prefix(spec, active_plan, elapsed, present=present, delay=delay)
    initial_plan = None
    is_warm = xp.zeros(len(elapsed), bool)
    if warm_start and config.warm_start.level:
        initial_plan, is_warm = make_initial_plan(
            spec.progress,
            spec.planner.model.schedule,
            config,
            plan=active_plan,
            elapsed=elapsed,
            present=present,
        )
        is_warm = is_warm & _follows_plan(state)[rows]
    inputs = PlanInputs(
        rows=rows,
        version=state.version[rows],
        start=state.clock,
        seeds=state.seeds[rows],
        counts=state.plan_counts[rows],
        history=history_tokens(layout, config.history.tokens, _take(state.history, rows), xp=xp),
        goal=None if state.goal is None else state.goal[rows],
        active_plan=active_plan,
        initial_plan=initial_plan,
        prefix=prefix,
        is_warm=is_warm,
    )
    state = state._replace(
        is_requested=_with_rows(state.is_requested, rows, True, xp=xp),
        plan_counts=_with_rows(state.plan_counts, rows, inputs.counts + 1, xp=xp),
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
    return jax.tree.map(functools.partial(_choose, keeps_refined, xp=xp), refined, fresh)


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
    return jax.tree.map(functools.partial(_choose, inputs.is_warm, xp=xp), refined, fresh)


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
        return _with_rows(old, rows, _choose(is_valid, new, old[rows], xp=xp), xp=xp)

    is_whole_batch = len(plan.states) == len(state.elapsed)
    active_plan = state.plan._replace(denoising=None)
    active_plan = jax.tree.map(update, active_plan, plan._replace(denoising=None))
    goal_moved = state.goal_moved[rows] & ~is_valid
    is_requested = state.is_requested[rows] & ~(is_valid & is_whole)
    return state._replace(
        plan=active_plan._replace(denoising=plan.denoising if is_whole_batch else None),
        elapsed=update(state.elapsed, elapsed),
        goal_moved=_with_rows(state.goal_moved, rows, goal_moved, xp=xp),
        is_requested=_with_rows(state.is_requested, rows, is_requested, xp=xp),
    )


def is_stale(state: LoopState, inputs: PlanInputs) -> bool:
    """Return whether every robot has had a new episode or goal since it requested these plans."""
    return not (state.version[inputs.rows] == inputs.version).any()


def withdraw_requests(state: LoopState) -> LoopState:
    """Withdraw all requests, so that `needs_plan` asks for plans again; in NumPy."""
    return state._replace(is_requested=np.zeros(len(state.is_requested), bool))


def hold_without_plan(spec: LoopSpec, state: LoopState, mask: Bool[np.ndarray, "B"]) -> LoopState:
    """Give the robots in `mask` that have no plan yet a plan to rest where they are; in NumPy."""
    has_no_plan = np.asarray(state.elapsed == NO_PLAN) & mask
    if not has_no_plan.any():
        return state
    at_rest = _plans_at_rest(spec, np.asarray(state.state))
    choose = functools.partial(_choose, has_no_plan, xp=np)
    return state._replace(plan=jax.tree.map(choose, at_rest, state.plan._replace(denoising=None)))


def act(spec: LoopSpec, state: LoopState) -> tuple[Float[XpArray, "B A"], LoopState]:
    """Return the actions `[B, A]` that follow the active plans, and the state a step later.

    Actions are float32 and inside the task's bounds.

    Raises:
        UserError: If the low-level controller returns another shape or, in NumPy, a number that is
            not finite.
    """
    xp = spec.xp
    elapsed = xp.maximum(state.elapsed, 0)
    action = spec.controller(
        state.plan.states, state.plan.actions, elapsed, state.state, state.goal
    )
    if xp is np:  # a compiled program cannot raise
        source = f"low-level controller {spec.planner.config.low_level_controller!r}"
        check_actions(source, action, needed=(len(elapsed), spec.layout.action_dim))
    action = spec.layout.clip_action(action, xp)
    return action, execute(spec, state, action)


def execute(spec: LoopSpec, state: LoopState, action: Float[XpArray, "B A"]) -> LoopState:
    """Return the state a control step later, in which robots execute these actions."""
    xp = spec.xp
    estimated = state.filter
    if spec.estimator is not None and estimated is not None:
        estimated = spec.estimator.predict(estimated, action)
    return state._replace(
        history=record_action(state.history, action, xp),
        filter=estimated,
        elapsed=xp.where(state.elapsed == NO_PLAN, NO_PLAN, state.elapsed + 1),
        clock=state.clock + 1,
    )


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
    displaces the states to come. Other controllers drive towards planned states at a pace of their
    own, so the robot continues from the state that it is nearest to.
    """
    path = spec.progress.interpolate(plan.states)
    steps = committed_steps(spec.planner.model.layout, delay)
    if spec.planner.config.low_level_controller != "diffused":
        at, _ = spec.progress.locate(path, elapsed, present)
        return Prefix(*remaining_steps(spec.progress, plan, at, steps))
    states, actions = remaining_steps(spec.progress, plan, elapsed, steps)
    now = spec.xp.minimum(elapsed, path.shape[1] - 1)
    deviation = present - path[np.arange(len(elapsed)), now]
    return Prefix(states + deviation[:, None], spec.layout.clip_action(actions, spec.xp))


def _plans_at_rest(spec: LoopSpec, state: Float[np.ndarray, "B S"]) -> Plan:
    planner = spec.planner
    config = planner.config
    return hold_position(
        planner.model.layout,
        state,
        horizon=planner.horizon,
        count=config.candidates,
        past=config.history.tokens,
    )


def _follows_plan(state: LoopState) -> Bool[XpArray, "B"]:
    """Return which robots follow a plan to their present goal."""
    return (state.elapsed != NO_PLAN) & ~state.goal_moved


def _has_moved(state: LoopState, goal: XpArray | None, xp: ModuleType) -> Bool[XpArray, "B"]:
    """Return which goals differ from those before; one that appears or disappears has moved."""
    if goal is None or state.goal is None:
        return xp.full(len(state.elapsed), goal is not state.goal)
    return (goal != state.goal).any(axis=-1)


def _take(tree: Any, rows: Rows) -> Any:
    return jax.tree.map(lambda array: array[rows], tree)


def _choose(mask: XpArray, one: XpArray, other: XpArray, *, xp: ModuleType) -> XpArray:
    """Choose between two arrays `[B, ...]`, by a mask `[B]`."""
    return xp.where(mask.reshape(-1, *(1,) * (one.ndim - 1)), one, other)


def _with_rows(array: XpArray, rows: Rows, values: Any, *, xp: ModuleType) -> XpArray:
    """Return a copy of the array with other values in some rows."""
    if xp is not np:
        return array.at[rows].set(values)  # pyright: ignore
    array = np.array(array)
    array[rows] = values
    return array
