"""Check of a user's cost before it reaches a planner."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.guidance.costs import as_cost
from dfplan.representation.layout import Layout
from dfplan.types import Cost, UserError, one_line


def checked_cost(function: Any, layout: Layout, plan_dims: tuple[int, ...] = ()) -> Cost:
    """Check a function on two plans that stay at zero, and return it as a cost.

    Dimensions that are not planned are NaN, as in plans.

    Args:
        function: `function(states [B, T, S], goal [B, G] | None) -> [B]`, in JAX.
        layout: Observation layout of the plans.
        plan_dims: Planned dimensions of the state; empty for all.

    Raises:
        UserError: If it is not a function, cannot be traced by JAX or raises another error, or does
            not return one finite number per plan.
    """
    if not callable(function):
        raise UserError(f"the cost is {function!r}; needed: a function of (states, goal)")
    cost = as_cost(function)
    planned = plan_dims or tuple(range(layout.state_dim))
    states = jnp.full((2, 3, layout.state_dim), jnp.nan, jnp.float32)
    states = states.at[..., np.array(planned, np.int32)].set(0.0)
    goal = jnp.zeros((2, layout.goal_dim), jnp.float32) if layout.goal_dim else None
    _call(jax.eval_shape, cost, states, goal)  # traced, as planners do
    value = np.asarray(_call(cost, states, goal))
    if value.shape != (2,) or value.dtype.kind not in "iuf" or not np.isfinite(value).all():
        text = " ".join(str(value.tolist()).split())[:80]
        hint = f"; plans hold the dimensions {list(plan_dims)} alone" if plan_dims else ""
        raise UserError(f"the cost of 2 plans at zero is {text}; needed: 2 finite numbers{hint}")
    return cost


def _call(function: Callable[..., Any], *args: Any) -> Any:
    try:
        return function(*args)
    except UserError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise UserError(
            f"the cost failed with {type(error).__name__}: {one_line(error)}; needed: a function "
            "of (states, goal) that JAX can trace"
        ) from error
