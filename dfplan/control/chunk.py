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

    The low-level controller acts on the expected states. These are the predictions of the linear
    dynamics that were fitted to the data. Without dynamics, they are the plan's states from the one
    nearest to the robot on; if planned actions are replayed, the plan's states by the clock. In the
    last two cases, dimensions that are not planned stay as they are.

    Args:
        spec: Constants of the loop.
        state: State of the loop after `loop.act`, which has returned the present action.
        length: Control steps, L.
    """
    present = np.asarray(state.state)
    action = np.asarray(state.history.actions)[:, -1]
    actions = [action]
    states = [present]
    planned = _planned_states(spec, state, length - 1)
    for step in range(length - 1):
        expected = planned[:, step]
        if spec.motion is not None and not _replays_actions(spec):
            expected = spec.motion.step(present, action)
        present = np.where(np.isnan(expected), present, expected)
        action = _act_later(spec, state, present, step)
        actions.append(action)
        states.append(expected)
    return np.stack(actions, axis=1), np.stack(states, axis=1)


def skip_steps(
    spec: LoopSpec, state: LoopState, reading: Float[np.ndarray, "B S"], actions: np.ndarray
) -> LoopState:
    """Return the state after control steps that were executed without being observed.

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


def _act_later(spec: LoopSpec, state: LoopState, present: np.ndarray, step: int) -> np.ndarray:
    """Return the actions in expected states, `step` control steps after the next one."""
    elapsed = np.where(state.elapsed != NO_PLAN, state.elapsed + step, 0)
    action = spec.controller(state.plan.states, state.plan.actions, elapsed, present, state.goal)
    source = f"low-level controller {spec.planner.config.low_level_controller!r}"
    check_actions(source, action, needed=(len(elapsed), spec.layout.action_dim))
    return spec.layout.clip_action(action)


def _planned_states(spec: LoopSpec, state: LoopState, steps: int) -> np.ndarray:
    """Return the plans' states `[B, L, S]` that follow those nearest to the robots."""
    path = np.asarray(spec.progress.interpolate(np.asarray(state.plan.states)))
    at = np.maximum(state.elapsed - 1, 0)  # `loop.act` has counted the present step
    if not _replays_actions(spec):
        at, _ = spec.progress.locate(path, at, np.asarray(state.state))
    last = path.shape[1] - 1
    return path[np.arange(len(path))[:, None], np.minimum(at[:, None] + 1 + np.arange(steps), last)]


def _replays_actions(spec: LoopSpec) -> bool:
    """Return whether planned actions are replayed by the clock, in whatever state robots are."""
    return spec.planner.config.low_level_controller == "diffused"
