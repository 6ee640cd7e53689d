"""What an agent is given, checked: states, goals, masks and seeds of a batch."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from dfplan.representation.layout import Layout
from dfplan.types import Cost, UserError, one_line

MISSING = "; where numbers may be missing, set planner.sensing.missing true"


def as_goals(layout: Layout, goal: Any, batch: int) -> np.ndarray | None:
    """A goal `[G]`, or one for each, as `[B, G]`.

    Raises:
        UserError: when it has another shape or is no array of numbers, or there are no goals.
    """
    if goal is None:
        return None
    dim = layout.goal_dim
    if not dim:
        raise UserError("a goal was given, but this planner was trained without goals")
    try:
        goal = np.asarray(goal, np.float32)
    except (TypeError, ValueError) as error:
        raise UserError(f"goal is no array of numbers: {one_line(error)}") from error
    if goal.shape not in ((dim,), (batch, dim)):
        raise UserError(f"goal has shape {goal.shape}; needed: {(dim,)} or {(batch, dim)}")
    return np.broadcast_to(goal, (batch, dim))


def as_mask(mask: Any, batch: int) -> np.ndarray:
    """A mask `[B]` bool; of none when it is None.

    Raises:
        UserError: when it has another length.
    """
    if mask is None:
        return np.zeros(batch, bool)
    mask = np.atleast_1d(np.asarray(mask, bool))
    if mask.shape != (batch,):
        raise UserError(f"the mask has shape {mask.shape}; needed: {(batch,)}")
    return mask


def as_seeds(seed: int | Sequence[int], batch: int) -> np.ndarray:
    """A seed for each of a batch; one number counts up.

    Raises:
        UserError: when they are not as many.
    """
    seeds = np.asarray(seed)
    seeds = seeds + np.arange(batch) if seeds.ndim == 0 else seeds.copy()
    if seeds.shape != (batch,):
        raise UserError(f"{seeds.size} seeds for a batch of {batch} observations")
    return seeds


def check_states(layout: Layout, state: np.ndarray, batch: int | None) -> None:
    """Whether states are a batch of the task's.

    Args:
        layout: of the task.
        state: `[B, S]`.
        batch: B that it must be; None for any.

    Raises:
        UserError: when not.
    """
    dim = layout.state_dim
    if state.ndim != 2 or state.shape[1] != dim or not len(state):
        raise UserError(f"states have shape {state.shape}; needed: one, or a batch, of {dim}")
    if batch is not None and len(state) != batch:
        raise UserError(
            f"a batch of {len(state)} observations after one of {batch}; "
            "call reset() before the batch changes"
        )


def check_finite(state: np.ndarray, goal: np.ndarray | None, missing: bool) -> None:
    """Whether all are numbers.

    Args:
        state, goal: of a batch.
        missing: whether states may be NaN.

    Raises:
        UserError: naming the first that is none.
    """
    if missing:
        state = np.nan_to_num(state, posinf=np.inf, neginf=-np.inf)
    for name, array in (("observation", state), ("goal", goal)):
        if array is not None and not np.isfinite(array).all():
            row, dim = map(int, np.argwhere(~np.isfinite(array))[0])
            value = array[row, dim]
            hint = MISSING if name == "observation" and np.isnan(value) else ""
            raise UserError(f"{name} {row} has {value} in dimension {dim}{hint}")


def check_cost(layout: Layout, extra_cost: Cost) -> None:
    """Try a price on two plans that stand still at zero.

    Raises:
        UserError: when it is no finite number each.
    """
    goal = jnp.zeros((2, layout.goal_dim)) if layout.goal_dim else None
    paid = np.asarray(extra_cost(jnp.zeros((2, 3, layout.state_dim)), goal))
    if paid.shape != (2,) or not np.isfinite(paid).all():
        raise UserError(
            f"the price of 2 plans at zero is {paid.tolist()}; needed: 2 finite numbers"
        )
