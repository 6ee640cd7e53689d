"""Checks that a function of another package can be called as documented."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from dfplan.types import UserError


def check_call(what: str, function: Any, args: Iterable[str], named: Iterable[str] = ()) -> None:
    """Check that an object can be called with these arguments.

    Args:
        what: Name of the object, at the beginning of the error.
        function: Function, class, or object with `__call__`.
        args: Names of the positional arguments.
        named: Names of the keyword arguments.

    Raises:
        UserError: If it cannot be; the message shows its signature and the needed arguments.
    """
    args = list(args)
    named = list(named)
    needed = f"needed: a function of ({', '.join([*args, *(f'{name}=' for name in named)])})"
    if not callable(function):
        raise UserError(f"{what} is a {type(function).__name__}; {needed}")
    signature, first = _signature(function)
    if signature is None:
        return
    try:
        signature.bind(*first, *args, **dict.fromkeys(named))
    except TypeError as error:
        raise UserError(
            f"{what} takes {_text(signature, len(first))}: {error}; {needed}"
        ) from error


def _signature(function: Callable) -> tuple[inspect.Signature | None, list[None]]:
    """Return a signature, None if unknown, and the leading arguments that Python passes itself."""
    try:
        if inspect.isclass(function) and function.__init__ is not object.__init__:
            # A metaclass, such as that of Flax modules, may hide the signature of the constructor.
            return inspect.signature(function.__init__), [None]
        return inspect.signature(function), []
    except ValueError:  # a function written in C
        return None, []


def _text(signature: inspect.Signature, filled: int) -> str:
    """Return the parameters of a signature without annotations and without the first `filled`."""
    parameters = list(signature.parameters.values())[filled:]
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(bare))
