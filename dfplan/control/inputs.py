"""Checks of an agent's inputs: states, goals, masks, seeds and costs of a batch."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from dfplan.representation.layout import Layout
from dfplan.types import Cost, UserError, one_line

MISSING_HINT = "; if values may be missing, set planner.sensing.missing true"


def as_goals(layout: Layout, goal: Any, batch: int) -> np.ndarray | None:
    """Return goals `[B, G]` from one goal `[G]` or one per robot; None stays None.

    Args:
        layout: Observation layout.
        goal: Numbers of any type, or None.
        batch: Number of robots, B.

    Raises:
        UserError: If the shape is wrong, the goal is not an array of numbers, or the planner has no
            goals.
    """
    if goal is None:
        return None
    dim = layout.goal_dim
    if not dim:
        raise UserError("a goal was given, but this planner was trained without goals")
    try:
        goal = np.asarray(goal, np.float32)
    except (TypeError, ValueError) as error:
        raise UserError(f"the goal is not an array of numbers: {one_line(error)}") from error
    if goal.shape not in ((dim,), (batch, dim)):
        raise UserError(f"goal has shape {goal.shape}; needed: {(dim,)} or {(batch, dim)}")
    return np.broadcast_to(goal, (batch, dim))


def as_mask(mask: Any, batch: int) -> np.ndarray:
    """Return a mask `[B]` bool; all False if None.

    Raises:
        UserError: If the length is wrong.
    """
    if mask is None:
        return np.zeros(batch, bool)
    mask = np.atleast_1d(np.asarray(mask, bool))
    if mask.shape != (batch,):
        raise UserError(f"the mask has shape {mask.shape}; needed: {(batch,)}")
    return mask


def as_seeds(seed: int | Sequence[int], batch: int) -> np.ndarray:
    """Return seeds `[B]`; a single number counts up over the batch.

    Raises:
        UserError: If the number of seeds is not that of the batch.
    """
    seeds = np.asarray(seed)
    seeds = seeds + np.arange(batch) if seeds.ndim == 0 else seeds.copy()
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


def check_finite(state: np.ndarray, goal: np.ndarray | None, missing: bool) -> None:
    """Check that states and goals are finite.

    Args:
        state: States `[B, S]`.
        goal: Goals `[B, G]`, or None.
        missing: Whether states may be NaN.

    Raises:
        UserError: If an entry is not finite; the message names the first such entry.
    """
    if missing:
        state = np.nan_to_num(state, posinf=np.inf, neginf=-np.inf)
    _check_entries("observation", state, hint=MISSING_HINT)
    if goal is not None:
        _check_entries("goal", goal, hint="")


def check_cost(layout: Layout, extra_cost: Cost) -> None:
    """Check a cost on two plans that stay at zero.

    Raises:
        UserError: If it does not return one finite number per plan.
    """
    goal = jnp.zeros((2, layout.goal_dim), jnp.float32) if layout.goal_dim else None
    cost = np.asarray(extra_cost(jnp.zeros((2, 3, layout.state_dim), jnp.float32), goal))
    if cost.shape != (2,) or not np.isfinite(cost).all():
        raise UserError(f"the cost of 2 plans at zero is {cost.tolist()}; needed: 2 finite numbers")


def _check_entries(name: str, array: np.ndarray, hint: str) -> None:
    is_finite = np.isfinite(array)
    if is_finite.all():
        return
    row, dim = map(int, np.argwhere(~is_finite)[0])
    value = array[row, dim]
    hint = hint if np.isnan(value) else ""
    raise UserError(f"{name} {row} has {value} in dimension {dim}{hint}")
