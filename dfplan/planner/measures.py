"""Measures of candidate plans: arrival, cost, and the time spent off the data support."""

import jax.numpy as jnp
from jaxtyping import Float

from dfplan.planner.interpolation import interpolate
from dfplan.planner.support import DataSupport
from dfplan.types import Array, Cost
from dfplan.util.rank import to_rank

POINTS_PER_TOKEN = 4
"""Points between two tokens at which the data support is checked."""


def arrival(
    position: Float[Array, "*b T G"], goal: Float[Array, "*b G"], tolerance: float
) -> Float[Array, "*b"]:
    """Return the interpolated token index at which a plan first comes within `tolerance`.

    A plan that never does gets T plus a fraction that grows with the remaining distance, so that
    the nearer of two failures is preferred. The fraction measures the distance in the goal's units,
    or in multiples of ten times the tolerance if that is smaller than one unit.

    Args:
        position: Plan in the goal's dimensions, the present first.
        goal: Goal, in the same units.
        tolerance: Distance that counts as arrived, in the same units.
    """
    distance = jnp.linalg.norm(position - goal[..., None, :], axis=-1)
    inside = distance <= tolerance
    first = jnp.argmax(inside, axis=-1)
    at = jnp.take_along_axis(distance, first[..., None], -1)[..., 0]
    before = jnp.take_along_axis(distance, jnp.maximum(first - 1, 0)[..., None], -1)[..., 0]
    step = jnp.maximum(before - at, jnp.finfo(distance.dtype).tiny)
    back = jnp.where(first > 0, (tolerance - at) / step, 0.0)
    unit = min(1.0, 10 * tolerance)
    # A plan that diverges to infinity or NaN is the worst failure.
    never = position.shape[-2] + 1 - jnp.nan_to_num(1 / (1 + distance[..., -1] / unit))
    return jnp.where(inside.any(-1), first - jnp.clip(back, 0.0, 1.0), never)


def never_arrives(candidates: Float[Array, "B N T S"], stride: int) -> Float[Array, "B N"]:
    """Return the arrival of candidates without a goal: more control steps than they last.

    Args:
        candidates: Candidate plans, the present first.
        stride: Control steps per token.
    """
    return jnp.full(candidates.shape[:2], float(candidates.shape[2] * stride), jnp.float32)


def tokens_off_support(
    position: Float[Array, "*b T G"], arrival: Float[Array, "*b"], support: DataSupport
) -> Float[Array, "*b"]:
    """Return the time, in tokens, that a plan spends off the data support before it arrives.

    Args:
        position: Plan in the goal's dimensions, the present first.
        arrival: Token index from `arrival`.
        support: Data support.
    """
    share = jnp.arange(1, POINTS_PER_TOKEN + 1, dtype=jnp.int32)[:, None] / POINTS_PER_TOKEN
    share = to_rank(share, position.ndim + 1)
    token_from = position[..., :-1, None, :]
    token_to = position[..., 1:, None, :]
    points = token_from + share * (token_to - token_from)
    off_support = 1.0 - support.contains(points).mean(axis=-1)
    token = to_rank(jnp.arange(off_support.shape[-1], dtype=jnp.int32), off_support.ndim)
    before_arrival = token < arrival[..., None]
    return jnp.where(before_arrival, off_support, 0.0).sum(axis=-1)


def candidate_costs(
    cost: Cost,
    candidates: Float[Array, "B N T S"],
    goal: Float[Array, "B G"] | None,
    stride: int,
) -> Float[Array, "B N"]:
    """Evaluate a cost on candidates at every control step.

    Args:
        cost: Cost of a plan's states.
        candidates: Candidate plans in SI units, the present first.
        goal: Goals in SI units, or None.
        stride: Control steps per token.
    """
    paths = interpolate(candidates, stride)
    goals = None if goal is None else jnp.repeat(goal, paths.shape[1], axis=0)
    return cost(paths.reshape(-1, *paths.shape[2:]), goals).reshape(paths.shape[:2])
