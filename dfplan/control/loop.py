"""The control loop of a batch of robots as pure functions: state in, state out.

A control step, here for plans that are made at once:

    state = loop.observe(spec, state, reading, goal)
    rows = np.flatnonzero(replanning.needs_plan(spec, state))
    inputs, state = replanning.plan_inputs(spec, state, rows)
    plans = batch_planner.make_plans(inputs, limit=len(rows))
    state = replanning.activate(spec, state, inputs, plans)
    action, state = loop.act(spec, state)

`dfplan.control.runner.LoopRunner` runs these functions in NumPy, with plans from an executor; then
plans may come late (`hold_without_plan`) or begin with what is executed meanwhile
(`group_by_delay`). `dfplan.control.closed_loop.ClosedLoop` scans them in JAX. No function changes
its arguments. States and goals are in the local coordinates of the layout.
"""

import functools
from types import ModuleType
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from dfplan.control.estimator import as_reading
from dfplan.control.history_buffer import (
    init_history,
    record_action,
    record_state,
    reset_history,
)
from dfplan.control.loop_state import NO_PLAN, LoopSpec, LoopState
from dfplan.control.rows import choose
from dfplan.planner.plan import Plan, hold_position
from dfplan.types import XpArray


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


def hold_without_plan(spec: LoopSpec, state: LoopState, mask: Bool[np.ndarray, "B"]) -> LoopState:
    """Give the robots in `mask` that have no plan yet a plan to rest where they are; in NumPy."""
    has_no_plan = np.asarray(state.elapsed == NO_PLAN) & mask
    if not has_no_plan.any():
        return state
    at_rest = _plans_at_rest(spec, np.asarray(state.state))
    choose_plan = functools.partial(choose, has_no_plan, xp=np)
    plan = state.plan._replace(denoising=None)
    return state._replace(plan=jax.tree.map(choose_plan, at_rest, plan))


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
        spec.check_actions(action, batch=len(elapsed))
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


def _has_moved(state: LoopState, goal: XpArray | None, xp: ModuleType) -> Bool[XpArray, "B"]:
    """Return which goals differ from those before; one that appears or disappears has moved."""
    if goal is None or state.goal is None:
        return xp.full(len(state.elapsed), goal is not state.goal)
    return (goal != state.goal).any(axis=-1)
