"""Checks of an agent's inputs: states, goals, masks and seeds of a batch; and of its actions."""

from typing import Any

import numpy as np

from dfplan.control.plausible_range import PlausibleRange
from dfplan.representation.flatten import as_numbers
from dfplan.representation.layout import Layout
from dfplan.types import UserError, one_line, short_repr

MAX_SEED = 2**32 - 1
"""Largest seed; JAX's keys are made of 32 bits."""
MISSING_HINT = "; if values may be missing, set planner.sensing.missing true"


def as_goals(
    layout: Layout, data_range: PlausibleRange, goal: Any, batch: int
) -> np.ndarray | None:
    """Return local goals `[B, G]` from one goal `[G]` or one per robot; None stays None.

    Args:
        layout: Observation layout.
        data_range: Plausible range of each state dimension.
        goal: Numbers of any type in the dataset's coordinates, or None.
        batch: Number of robots, B.

    Raises:
        UserError: If the shape is wrong, the goal is not an array of numbers, the planner has no
            goals, or an entry is an outlier or NaN; the message names the first such entry.
    """
    if goal is None:
        return None
    dim = layout.goal_dim
    if not dim:
        raise UserError("a goal was given, but this planner was trained without goals")
    goal = as_numbers(goal, "the goal", layout.dtype)
    if goal.shape not in ((dim,), (batch, dim)):
        raise UserError(f"goal has shape {goal.shape}; needed: {(dim,)} or {(batch, dim)}")
    goals = np.broadcast_to(layout.goal_to_local(goal), (batch, dim))
    data_range = data_range.take(layout.goal_dims)
    is_bad = data_range.is_outlier(goals) | np.isnan(goals)
    if is_bad.any():
        raise _bad_entry("goal", goals, is_bad, data_range, hint="")
    return goals


def as_mask(mask: Any, batch: int) -> np.ndarray:
    """Return a mask `[B]` bool; all False if None.

    Args:
        mask: Booleans, or the integers 0 and 1; None for none.
        batch: Number of robots, B.

    Raises:
        UserError: If the length is wrong, or an entry is something else.
    """
    if mask is None:
        return np.zeros(batch, bool)
    array = np.atleast_1d(_as_array(mask, "the mask"))
    if array.shape != (batch,):
        raise UserError(f"the mask has shape {array.shape}; needed: {(batch,)}")
    if array.dtype.kind not in "biu" or not np.isin(array, (0, 1)).all():
        raise UserError(f"the mask is {short_repr(mask)}; needed: {batch} booleans")
    return array.astype(bool)


def as_seed(seed: Any) -> int | list[int]:
    """Return one seed, or the list of several.

    Raises:
        UserError: If one is not an integer from 0 to `MAX_SEED`.
    """
    array = _as_array(seed, "the seed")
    is_integer = array.dtype.kind in "iu" and array.ndim <= 1
    if not is_integer or (array < 0).any() or (array > MAX_SEED).any():
        raise UserError(
            f"seed {short_repr(seed)} is not valid; needed: an integer from 0 to {MAX_SEED}, or "
            "one per environment"
        )
    return array.tolist()


def as_seeds(seed: Any, batch: int) -> np.ndarray:
    """Return seeds `[B]`; a single number counts up over the batch, and after the last from 0.

    Args:
        seed: One seed, or one per robot.
        batch: Number of robots, B.

    Raises:
        UserError: If the number of seeds is not that of the batch, or a seed is not valid.
    """
    seeds = np.asarray(as_seed(seed), np.int64)
    seeds = (seeds + np.arange(batch)) % (MAX_SEED + 1) if seeds.ndim == 0 else seeds
    if seeds.shape != (batch,):
        raise UserError(
            f"{seeds.size} seeds for a batch of {batch} observations; needed: 1 or {batch}"
        )
    return seeds


def check_states(layout: Layout, state: np.ndarray, batch: int | None) -> None:
    """Check that states are a batch of the task's state dimensions.

    Args:
        layout: Observation layout.
        state: States `[B, S]`.
        batch: Required batch size; None for any.

    Raises:
        UserError: If the shape is wrong or the batch has changed.
    """
    dim = layout.state_dim
    if state.ndim != 2 or state.shape[1] != dim or not len(state):
        raise UserError(
            f"states have shape {state.shape}; needed: one state of {dim} numbers, or a batch"
        )
    if batch is not None and len(state) != batch:
        raise UserError(
            f"a batch of {len(state)} observations after one of {batch}; "
            "call reset() before the batch changes"
        )


def screen_states(
    data_range: PlausibleRange, state: np.ndarray, *, missing: bool, hint: str = MISSING_HINT
) -> np.ndarray:
    """Return states without outliers.

    Args:
        data_range: Plausible range of each state dimension.
        state: States `[B, S]`.
        missing: Whether states may be NaN; outliers then become NaN.
        hint: What to do about missing values, for errors.

    Raises:
        UserError: If an entry is an outlier or NaN while none may be missing; the message names the
            first such entry.
    """
    is_outlier = data_range.is_outlier(state)
    if missing:
        return np.where(is_outlier, np.float32(np.nan), state)
    is_missing = np.isnan(state)
    if is_outlier.any() or is_missing.any():
        raise _bad_entry("observation", state, is_outlier | is_missing, data_range, hint=hint)
    return state


def check_actions(source: str, action: np.ndarray, needed: tuple[int, int]) -> None:
    """Check the actions that a controller returned.

    Args:
        source: What returned them, for errors.
        action: Actions.
        needed: Shape that they need, (B, A).

    Raises:
        UserError: If they have another shape, or an entry is not finite.
    """
    if np.shape(action) != needed:
        raise UserError(f"{source} returned actions of shape {np.shape(action)}; needed: {needed}")
    is_finite = np.isfinite(action)
    if not is_finite.all():
        row, dim = map(int, np.argwhere(~is_finite)[0])
        raise UserError(
            f"{source} returned {action[row, dim]} for dimension {dim} of action {row}; "
            "needed: finite numbers"
        )


def _bad_entry(
    what: str, array: np.ndarray, is_bad: np.ndarray, data_range: PlausibleRange, *, hint: str
) -> UserError:
    """Return the error about the first bad entry."""
    row, dim = map(int, np.argwhere(is_bad)[0])
    value = array[row, dim]
    if not np.isnan(value):
        hint = f"; {data_range.describe(dim)}{hint}"
        value = value + data_range.origin[dim]
    return UserError(f"{what} {row} has {value:g} in dimension {dim}{hint}")


def _as_array(value: Any, what: str) -> np.ndarray:
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{what} is not an array: {one_line(error)}") from error
