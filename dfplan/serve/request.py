"""Requests of robots: what a decoded message asks for, after checking it."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from dfplan.representation.flatten import is_dict_shape
from dfplan.representation.layout import GOAL_KEYS, Layout
from dfplan.serve.dialects import Dialect, OpenPi
from dfplan.types import UserError, check_choice, listed, short_repr
from dfplan.util.flags import as_flag
from dfplan.wire import keys

ENDPOINTS = (keys.INFER, keys.RESET)
VECTOR_KEYS = ("observation", "observation/state", "state")
"""Names of a vector observation: dfplan's own, and those of openpi's LIBERO and ALOHA examples."""
CONTROL_KEYS = (
    keys.ENDPOINT,
    keys.RESET,
    keys.SESSION_ID,
    keys.SEED,
    keys.GOAL,
    keys.EXECUTED,
    keys.ACTION_HORIZON,
    keys.RETURN_PLAN,
)


@dataclasses.dataclass(frozen=True)
class Request:
    """A request of one robot.

    Attributes:
        endpoint: `keys.INFER` or `keys.RESET`.
        begins: Whether an episode begins with this observation.
        session_id: Name of the episode, or None.
        seed: Seed of the episode's plans, or None.
        goal: Goal, or None.
        executed: Executed actions of the last chunk, or None.
        action_horizon: Actions that the reply should hold, or None.
        returns_plan: Whether the reply should hold the plan.
        observation: Observation as the environment returns it; None for a reset.
    """

    endpoint: str
    begins: bool
    session_id: str | int | None
    seed: int | None
    goal: Any
    executed: int | None
    action_horizon: int | None
    returns_plan: bool
    observation: Any


class _Field(NamedTuple):
    """An optional entry of a request: its type, and what it needs to be."""

    types: type | tuple[type, ...]
    needed: str


INTEGER = _Field(int, "an integer")
TEXT = _Field(str, "text")
NAME = _Field((str, int), "text or an integer")


def read_request(message: Any, layout: Layout, dialect: Dialect = OpenPi()) -> Request:
    """Return the request in a decoded message.

    Args:
        message: Decoded message.
        layout: Observation layout of the run.
        dialect: Form of the message.

    Raises:
        UserError: If it is not a dict, an entry is not valid, or the observation is missing.
    """
    if not isinstance(message, dict):
        raise UserError(f"the request is of type {type(message).__name__}; needed: a dict")
    message = dialect.request(message)
    endpoint = _entry(message, keys.ENDPOINT, TEXT) or keys.INFER
    check_choice(keys.ENDPOINT, endpoint, ENDPOINTS)
    is_reset = endpoint == keys.RESET
    return Request(
        endpoint=endpoint,
        begins=as_flag(message.get(keys.RESET, False), "reset") or is_reset,
        session_id=_entry(message, keys.SESSION_ID, NAME),
        seed=_entry(message, keys.SEED, INTEGER),
        goal=message.get(keys.GOAL),
        executed=_entry(message, keys.EXECUTED, INTEGER),
        action_horizon=_entry(message, keys.ACTION_HORIZON, INTEGER),
        returns_plan=as_flag(message.get(keys.RETURN_PLAN, False), "return_plan"),
        observation=None if is_reset else _observation(message, layout),
    )


def _entry(message: dict[Any, Any], key: str, field: _Field) -> Any:
    """Return an optional entry as a Python value; None if it is missing."""
    value = message.get(key)
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.size == 1):
        value = value.item()
    if value is None or (isinstance(value, field.types) and not isinstance(value, bool)):
        return value
    raise UserError(f"{key} is {short_repr(value)}; needed: {field.needed}")


def _observation(message: dict[Any, Any], layout: Layout) -> Any:
    """Return the observation among the entries, in the form that the layout reads."""
    if layout.dict_observation:
        return {key: message[key] for key in GOAL_KEYS if key in message}
    if is_dict_shape(layout.observation_shape):
        wrapped = message.get("observation")  # or an entry of that name
        if isinstance(wrapped, dict):
            return wrapped
        return {key: value for key, value in message.items() if key not in CONTROL_KEYS}
    for key in VECTOR_KEYS:
        if key in message:
            return message[key]
    names = listed([str(key) for key in message])
    raise UserError(f"the request has {names} and no observation; valid: {', '.join(VECTOR_KEYS)}")
