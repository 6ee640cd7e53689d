"""Chunks: the actions of several control steps at once, for robots that do not ask at every step.

All functions are pure and in NumPy.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dfplan.control import loop
from dfplan.control.inputs import check_actions
from dfplan.control.loop_state import NO_PLAN, LoopSpec, LoopState


class Chunk(NamedTuple):
    """Actions of the next `L` control steps, the present one first.

    Attributes:
        actions: `[L, ...]` actions, in the shape and type of the action space.
        states: `[L, S]` states: the present one, and those expected when the others are executed.
            NaN in dimensions that are not planned.
    """

    actions: np.ndarray
    states: np.ndarray


def continue_plans(
    spec: LoopSpec, state: LoopState, length: int
) -> tuple[Float[np.ndarray, "B L A"], Float[np.ndarray, "B L S"]]:
    """Return the actions from the present control step on, and the states in which they are due.

    Robots are expected to move along their plans from the point that is nearest to them. The
    low-level controller acts on these states; dimensions that are not planned stay as they are.

    Args:
        spec: Constants of the loop.
        state: State of the loop after `loop.act`, which has returned the present action.
        length: Control steps, L.
    """
    present = np.asarray(state.state)[:, None]
    actions = np.asarray(state.history.actions)[:, -1:]
    if length == 1:
        return actions, present
    expected = _expected_states(spec, state, length - 1)
    later = _act_later(spec, state, np.where(np.isnan(expected), present, expected))
    return np.concatenate([actions, later], axis=1), np.concatenate([present, expected], axis=1)


def skip_steps(
    spec: LoopSpec, state: LoopState, reading: Float[np.ndarray, "B S"], actions: np.ndarray
) -> LoopState:
    """Return the state after control steps that were executed and not observed.

    A state estimator treats their readings as missing. Without one, readings are interpolated
    between the last one and the present one.

    Args:
        spec: Constants of the loop.
        state: State of the loop after `loop.act`.
        reading: Present readings, which come after the steps.
        actions: `[B, k, A]` actions of the steps.
    """
    first = np.asarray(state.state)
    steps = actions.shape[1]
    for step in range(steps):
        between = first + (reading - first) * np.float32((step + 1) / (steps + 1))
        if spec.estimator is not None:
            between = np.full_like(first, np.nan)
        state = loop.observe(spec, state, between, goal=state.goal)
        state = loop.execute(spec, state, actions[:, step])
    return state


def _act_later(spec: LoopSpec, state: LoopState, states: np.ndarray) -> np.ndarray:
    """Return the actions `[B, L, A]` in the states `[B, L, S]` after the present one."""
    batch, steps, _ = states.shape
    rows = np.repeat(np.arange(batch), steps)
    has_plan = (state.elapsed != NO_PLAN)[:, None]
    elapsed = np.where(has_plan, state.elapsed[:, None] + np.arange(steps), 0)
    actions = spec.controller(
        np.asarray(state.plan.states)[rows],
        None if state.plan.actions is None else np.asarray(state.plan.actions)[rows],
        elapsed.ravel(),
        states.reshape(batch * steps, -1),
        None if state.goal is None else state.goal[rows],
    )
    source = f"low-level controller {spec.planner.config.low_level_controller!r}"
    check_actions(source, actions, needed=(batch * steps, spec.layout.action_dim))
    return spec.layout.clip_action(actions).reshape(batch, steps, -1)


def _expected_states(spec: LoopSpec, state: LoopState, steps: int) -> np.ndarray:
    """Return the states `[B, L, S]` after the present one."""
    plan = np.asarray(state.plan.states)
    path = np.asarray(spec.progress.interpolate(plan))
    at = np.maximum(state.elapsed - 1, 0)  # `loop.act` has counted the present step
    if spec.planner.config.low_level_controller != "diffused":  # which goes by the clock
        at, _ = spec.progress.locate(path, at, np.asarray(state.state))
    last = path.shape[1] - 1
    return path[np.arange(len(path))[:, None], np.minimum(at[:, None] + 1 + np.arange(steps), last)]
