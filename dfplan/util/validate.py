"""Checks of settings; errors name the setting, its value and the valid ones."""

import contextlib
import math
from collections.abc import Iterable, Iterator
from numbers import Integral, Real
from typing import Any

from dfplan.types import UserError

MAX_FLOAT_INTEGER = 2**53
"""Largest integer up to which all are exact as floats."""
MAX_INTEGER = 10**9
MAX_NUMBER = 1e9
"""Bounds of settings without narrower ones; larger values overflow in computations."""


def is_integer(value: Any) -> bool:
    """Tell whether a value is an integer; booleans are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite real number; booleans are not."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the largest float
        return False


def check_integers(
    settings: Any,
    prefix: str,
    minimum: int,
    names: Iterable[str],
    maximum: int = MAX_INTEGER,
) -> None:
    """Check that these settings are integers in a range.

    Args:
        settings: Dataclass that holds them.
        prefix: Path of the dataclass in messages, such as "planner.sampling.".
        minimum: Lowest valid value.
        names: Field names.
        maximum: Highest valid value, a limit of memory and time rather than of what is sensible.

    Raises:
        UserError: If a field is not; the message names the first one.
    """
    for name in names:
        value = getattr(settings, name)
        if not is_integer(value) or not minimum <= value <= maximum:
            raise invalid(prefix + name, value, f"an integer from {minimum} to {maximum}")


def check_numbers(
    settings: Any,
    prefix: str,
    names: Iterable[str],
    *,
    low: float = 0.0,
    high: float = MAX_NUMBER,
    open_low: bool = False,
    open_high: bool = False,
) -> None:
    """Check that these settings are finite numbers in an interval.

    Args:
        settings: Dataclass that holds them.
        prefix: Path of the dataclass in messages.
        names: Field names.
        low: Lower end of the interval.
        high: Upper end of the interval.
        open_low: Whether the lower end itself is invalid.
        open_high: Whether the upper end itself is invalid.

    Raises:
        UserError: If a field is not; the message names the first one.
    """
    ends = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
    for name in names:
        value = getattr(settings, name)
        above = is_number(value) and (value > low if open_low else value >= low)
        if not above or not (value < high if open_high else value <= high):
            raise invalid(prefix + name, value, f"a number in {ends}")


def invalid(name: str, value: Any, valid: str) -> UserError:
    """Return the error for a setting that is out of range."""
    return UserError(f"{name} must be {valid}, got {value!r}")


@contextlib.contextmanager
def naming(setting: str) -> Iterator[None]:
    """Begin the message of any `UserError` with the name of a setting."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{setting}: {error}") from error


def set_tuple(config: Any, name: str) -> None:
    """Turn a sequence in a frozen dataclass into a tuple, so that it stays hashable."""
    object.__setattr__(config, name, tuple(getattr(config, name)))
