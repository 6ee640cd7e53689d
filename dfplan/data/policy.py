"""Policies of a user's own: a function that makes them, or one that acts."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from dfplan.types import UserError, one_line

CONTRACT = "expected policy(env, seed=...) -> object with act(observation), or policy(observation)"


def make_policy(policy: Callable[..., Any], env: Any, seed: int) -> Callable[[Any], np.ndarray]:
    """`act(observation) -> action` of a policy, for one episode.

    Args:
        policy: `policy(env, seed=...)`, which makes an object with `act(observation)` or a function
            of an observation; or such a function itself. Which of them is told by its arguments.
        env: environment that it is to act in.
        seed: of the episode.

    Returns:
        A function whose actions have the environment's shape and type, clipped to its bounds. It
        raises a UserError when the policy fails, or its action has another shape or is not finite.

    Raises:
        UserError: when the policy cannot be made, or its arguments are neither.
    """
    name = getattr(policy, "__name__", type(policy).__name__)
    act = policy
    if _takes(policy, env, seed=seed):
        made = _call(name, policy, env, seed=seed)
        act = getattr(made, "act", made)
        if not callable(act):
            raise UserError(f"policy {name!r} made a {type(made).__name__}; {CONTRACT}")
    elif not _takes(policy, None):
        raise UserError(f"policy {name!r} takes {inspect.signature(policy)}; {CONTRACT}")
    return functools.partial(_act, name, act, env.action_space)


def _takes(function: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError:
        return False
    except ValueError:  # something built in that does not say what it takes
        return not kwargs
    return True


def _act(name: str, act: Callable[[Any], Any], space: Any, observation: Any) -> np.ndarray:
    found = _call(name, act, observation)
    try:
        action = np.asarray(found, space.dtype)
    except (TypeError, ValueError) as error:
        kind = type(found).__name__
        raise UserError(f"policy {name!r} gave a {kind}, no action; {CONTRACT}") from error
    if action.shape != space.shape:
        raise UserError(f"policy {name!r} gave shape {action.shape}; needed: {space.shape}")
    if not np.isfinite(action).all():
        raise UserError(f"policy {name!r} gave {action.tolist()}; needed: finite numbers")
    return np.clip(action, space.low, space.high)


def _call(name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except Exception as error:  # whatever happens in someone else's code
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise UserError(f"policy {name!r} failed: {reason}{_place(error)}") from error


def _place(error: Exception) -> str:
    """Where the error was raised, as ` (file:line)`."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})" if trace else ""
