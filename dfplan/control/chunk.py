"""Chunks: the actions of several control steps at once, for robots that do not ask at every step.

All functions are pure. `dfplan.control.chunk_program` compiles `continue_plans`.
"""

from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, Int

from dfplan.control import loop
from dfplan.control.history_buffer import record_steps
from dfplan.control.loop_state import NO_PLAN, LoopSpec, LoopState
from dfplan.types import XpArray


class Chunk(NamedTuple):
    """Actions of the next `L` control steps, the present one first.

    Attributes:
        actions: `[L, ...]` actions, in the shape and type of the action space.
        states: `[L, S]` states: the present one, and those expected when the others are executed.
            NaN in dimensions that are not planned.
    """

    actions: np.ndarray
    states: np.ndarray


class ChunkStart(NamedTuple):
    """Robots that have got the present action, and go on along their plans; SI units.

    Attributes:
        states: `[B, P+1, S]` planned states.
        actions: `[B, P*stride, A]` planned actions; None if plans hold none.
        elapsed: `[B]` control steps since each plan began; `NO_PLAN` where there is no plan.
        goal: `[B, G]` goals, or None.
        state: `[B, S]` present states.
        action: `[B, A]` present actions.
    """

    states: Float[XpArray, "B T S"]
    actions: Float[XpArray, "B L A"] | None
    elapsed: Int[XpArray, "B"]
    goal: Float[XpArray, "B G"] | None
    state: Float[XpArray, "B S"]
    action: Float[XpArray, "B A"]

    @classmethod
    def of(cls, state: LoopState) -> "ChunkStart":
        """Return where chunks start after `loop.act`, which has counted the present step."""
        return cls(
            states=state.plan.states,
            actions=state.plan.actions,
            elapsed=state.elapsed,
            goal=state.goal,
            state=state.state,
            action=state.history.actions[:, -1],
        )


class ChunkMaker(Protocol):
    """Makes chunks in NumPy: `continue_plans`, or a compiled program that does the same.

    Args:
        spec: Constants of the loop.
        start: Where chunks start.
        length: Control steps, L.

    Returns:
        Actions `[B, L, A]` and states `[B, L, S]`, see `continue_plans`.
    """

    def __call__(
        self, spec: LoopSpec, start: ChunkStart, length: int
    ) -> tuple[Float[np.ndarray, "B L A"], Float[np.ndarray, "B L S"]]:
        """Return the actions and the states; see the class."""
        ...


def continue_plans(
    spec: LoopSpec, start: ChunkStart, length: int
) -> tuple[Float[np.ndarray, "B L A"], Float[np.ndarray, "B L S"]]:
    """Return the actions from the present control step on, and the states in which they are due.

    The low-level controller acts on the expected states. These are the predictions of the linear
    dynamics that were fitted to the data. Without dynamics, they are the plan's states from the one
    nearest to the robot on; if planned actions are replayed, the plan's states by the clock. In the
    last two cases, dimensions that are not planned stay as they are.

    Args:
        spec: Constants of the loop.
        start: Where chunks start.
        length: Control steps, L.

    Raises:
        UserError: If the low-level controller returns another shape, or a number that is not
            finite.
    """
    present = np.asarray(start.state)
    action = np.asarray(start.action)
    actions = [action]
    states = [present]
    planned = planned_states(spec, start, length - 1)
    for step in range(length - 1):
        expected = expected_states(spec, planned[:, step], present, action)
        present = np.where(np.isnan(expected), present, expected)
        action = later_actions(spec, start, present, step)
        spec.check_actions(action, batch=len(present))
        action = spec.layout.clip_action(action)
        actions.append(action)
        states.append(expected)
    return np.stack(actions, axis=1), np.stack(states, axis=1)


def planned_states(spec: LoopSpec, start: ChunkStart, steps: int) -> Float[XpArray, "B L S"]:
    """Return the plans' states that follow those nearest to the robots, `steps` of them."""
    xp = spec.xp
    path = spec.progress.interpolate(start.states)
    at = xp.maximum(start.elapsed - 1, 0)
    if not spec.planner.config.replays_actions:
        at, _ = spec.progress.locate(path, at, start.state)
    last = path.shape[1] - 1
    return path[np.arange(len(path))[:, None], xp.minimum(at[:, None] + 1 + np.arange(steps), last)]


def expected_states(
    spec: LoopSpec,
    planned: Float[XpArray, "B S"],
    state: Float[XpArray, "B S"],
    action: Float[XpArray, "B A"],
) -> Float[XpArray, "B S"]:
    """Return the states that are expected a control step later.

    Args:
        spec: Constants of the loop.
        planned: States that are planned for then.
        state: States now.
        action: Actions now.
    """
    if spec.motion is None or spec.planner.config.replays_actions:
        return planned
    return spec.motion.step(state, action, spec.xp)


def later_actions(
    spec: LoopSpec, start: ChunkStart, state: Float[XpArray, "B S"], step: XpArray | int
) -> Float[XpArray, "B A"]:
    """Return the actions in expected states, `step` control steps after the next one."""
    elapsed = spec.xp.where(start.elapsed != NO_PLAN, start.elapsed + step, 0)
    return spec.controller(start.states, start.actions, elapsed, state, start.goal)


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
    steps = actions.shape[1]
    if spec.estimator is not None:
        for step in range(steps):
            missing = np.full_like(reading, np.nan)
            state = loop.observe(spec, state, missing, goal=state.goal)
            state = loop.execute(spec, state, actions[:, step])
        return state
    first = np.asarray(state.state)[:, None]
    fraction = (np.arange(1, steps + 1) / (steps + 1)).astype(np.float32)[:, None]
    between = first + (reading[:, None] - first) * fraction
    level = spec.planner.config.history.level
    return state._replace(
        history=record_steps(state.history, between, actions, level),
        state=between[:, -1] if steps else state.state,
        elapsed=np.where(state.elapsed == NO_PLAN, NO_PLAN, state.elapsed + steps),
        clock=state.clock + np.int32(steps),
    )
