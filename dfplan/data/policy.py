"""User-defined policies for data collection: a factory of policies, or a function that acts."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from dfplan.representation.action_space import ActionBounds
from dfplan.types import UserError, one_line

CONTRACT = "expected policy(env, seed=...) -> object with act(observation), or policy(observation)"


def make_policy(policy: Callable[..., Any], env: Any, seed: int) -> Callable[[Any], np.ndarray]:
    """Return `act(observation) -> action` of a policy, for one episode.

    Args:
        policy: `policy(env, seed=...)`, which returns an object with `act(observation)` or a
            function of an observation; or such a function itself. The signature decides which.
        env: Environment in which the policy acts.
        seed: Seed of the episode.

    Returns:
        A function whose actions have the environment's shape and type, clipped to its bounds. It
        raises a UserError if the policy fails, or its action has another shape or is not finite.

    Raises:
        UserError: If the policy cannot be created or has neither signature.
    """
    name = getattr(policy, "__name__", type(policy).__name__)
    act = policy
    if _accepts(policy, env, seed=seed):
        instance = _call(name, policy, env, seed=seed)
        act = getattr(instance, "act", instance)
        if not callable(act):
            raise UserError(f"policy {name!r} returned a {type(instance).__name__}; {CONTRACT}")
    elif not _accepts(policy, None):
        raise UserError(f"policy {name!r} takes {inspect.signature(policy)}; {CONTRACT}")
    return functools.partial(_act, name, act, env.action_space)


def _accepts(function: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    """Tell whether a function can be called with these arguments."""
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError:
        return False
    except ValueError:  # a builtin without a signature
        return not kwargs
    return True


def _act(name: str, act: Callable[[Any], Any], space: Any, observation: Any) -> np.ndarray:
    output = _call(name, act, observation)
    try:
        action = np.asarray(output, np.float64)
    except (TypeError, ValueError) as error:
        kind = type(output).__name__
        raise UserError(f"policy {name!r} returned a {kind}, not an action; {CONTRACT}") from error
    if action.shape != space.shape:
        raise UserError(f"policy {name!r} returned shape {action.shape}; needed: {space.shape}")
    if not np.isfinite(action).all():
        raise UserError(f"policy {name!r} returned {action.tolist()}; needed: finite numbers")
    return ActionBounds.of_box(space).cast(action)


def _call(name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except Exception as error:  # user code may raise anything
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise UserError(f"policy {name!r} failed: {reason}{_location(error)}") from error


def _location(error: Exception) -> str:
    """Return where an error was raised, as ` (file:line)`."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})" if trace else ""
