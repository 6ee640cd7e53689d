"""The layout of the spaces of an environment or a dataset."""

from typing import Any

import numpy as np

from dfplan.representation.action_space import Bounds
from dfplan.representation.flatten import Shape, length, shape_of
from dfplan.representation.layout import GOAL_KEYS, Layout
from dfplan.types import UserError

MAX_ACTION_BYTES = 8
"""Bytes of a float64 or int64; NumPy's longer floats differ between machines."""


def layout_from_spaces(
    observation_space,
    action_space,
    goal_dims: tuple[int, ...] | None,
    goal_from: tuple[int, ...] = (),
    goal_value: tuple[float, ...] = (),
) -> Layout:
    """Return the layout of a Gymnasium environment or a Minari dataset.

    Args:
        observation_space: Box of any shape or Dict of them, which is flattened. A Dict with
            observation, achieved_goal and desired_goal provides goals.
        action_space: Box of any shape, which is flattened.
        goal_dims: State dimensions that a goal fixes. For a goal Dict, None appends the achieved
            goal to the state (with data, `find_goal_dims` may detect it in the observation), and an
            empty tuple treats it as an ordinary Dict without goals.
        goal_from: Observation dimensions that hold the desired goal; see `Layout`.
        goal_value: Constant desired goal; see `Layout`.

    Raises:
        UserError: If a space is not supported; the message names the supported ones.
    """
    from gymnasium import spaces

    fields = _action_fields(action_space) | {"goal_from": goal_from, "goal_value": goal_value}
    is_dict = isinstance(observation_space, spaces.Dict)
    if not is_dict or set(GOAL_KEYS) - set(observation_space) or goal_dims == ():
        dim, shape = _flat_shape(observation_space)
        return Layout(dim, goal_dims=tuple(goal_dims or ()), observation_shape=shape, **fields)
    dim, shape = _flat_shape(observation_space["observation"])
    goal_dim, goal_shape = _flat_shape(observation_space["desired_goal"])
    if _flat_shape(observation_space["achieved_goal"]) != (goal_dim, goal_shape):
        texts = [" ".join(str(observation_space[key]).split()) for key in GOAL_KEYS[1:]]
        raise UserError(
            f"achieved_goal and desired_goal are {' and '.join(texts)}; needed: the same shape"
        )
    dims = tuple(range(dim, dim + goal_dim) if goal_dims is None else goal_dims)
    if len(dims) != goal_dim:
        raise UserError(
            f"goal dimensions {dims}: got {len(dims)}; needed: {goal_dim}, the goal's size"
        )
    return Layout(
        dim,
        goal_dims=dims,
        dict_observation=True,
        append_achieved=goal_dims is None,
        observation_shape=shape,
        goal_shape=goal_shape,
        **fields,
    )


def _flat_shape(space) -> tuple[int, Shape | None]:
    """Return the length of a flattened space, and its shape unless it is a vector already."""
    shape = shape_of(space)
    dim = length(shape)
    return dim, None if shape == (dim,) else shape


def _action_fields(space) -> dict[str, Any]:
    from gymnasium import spaces

    if not isinstance(space, spaces.Box) or space.dtype.itemsize > MAX_ACTION_BYTES:
        raise UserError(
            f"action space {space} is not supported; supported: Box of numbers of up to 64 bits"
        )
    return {
        "action_dim": int(np.prod(space.shape)),
        "action_shape": tuple(map(int, space.shape)),
        "action_low": _bounds(space.low),
        "action_high": _bounds(space.high),
        "action_dtype": space.dtype.name,
    }


def _bounds(side: np.ndarray) -> Bounds | None:
    """Return the exact lower or upper bounds of a Box, None where infinite; None if all are."""
    side = side.astype(np.uint8) if side.dtype == bool else side
    is_closed = np.isfinite(side).ravel()
    if not is_closed.any():
        return None
    bounds = zip(side.ravel().tolist(), is_closed, strict=True)
    return tuple(bound if closed else None for bound, closed in bounds)
