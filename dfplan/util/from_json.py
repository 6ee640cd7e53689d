"""Dataclasses from JSON values, with every value checked against the type of its field."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from dfplan.types import UserError, listed
from dfplan.util.validate import MAX_FLOAT_INTEGER

T = TypeVar("T")


def from_json(cls: type[T], values: Any, what: str) -> T:
    """Build a dataclass from its JSON form; missing fields get their defaults.

    Args:
        cls: Dataclass.
        values: JSON object.
        what: Name of the object in messages, such as "layout".

    Raises:
        UserError: If it is not an object, a field is unknown or missing, or a type is wrong.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"{what} must be an object, got {values!r}")
    hints = field_types(cls)
    for name in values:
        if name not in hints:
            raise UserError(f"{what} has no entry {name!r}; valid: {listed(hints)}")
    for field in dataclasses.fields(cls):  # pyright: ignore[reportArgumentType]
        required = field.default is field.default_factory is dataclasses.MISSING
        if required and field.name not in values:
            raise UserError(f"{what} lacks {field.name!r}")
    return cls(**{k: as_type(f"{what}.{k}", v, hints[k]) for k, v in values.items()})


def field_types(cls: Any) -> dict[str, Any]:
    """Return the type of each field of a dataclass, or of an object of it."""
    hints = typing.get_type_hints(cls if isinstance(cls, type) else type(cls))
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def as_type(name: str, value: Any, hint: Any) -> Any:
    """Return a JSON value as a type.

    JSON has lists instead of tuples, and may write 1 for 1.0. A bool is not a number.

    Args:
        name: Name of the value in messages.
        value: JSON value, NumPy scalar or tuple.
        hint: Type: a class, a union, or a generic tuple or mapping.

    Raises:
        UserError: If the value does not have that type.
    """
    try:
        return _convert(value, hint)
    except TypeError:
        kind = hint.__name__ if isinstance(hint, type) else str(hint).removeprefix("typing.")
        raise UserError(f"{name} must be of type {kind}, got {value!r}") from None


def _convert(value: Any, hint: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    origin = typing.get_origin(hint) or hint
    arguments = typing.get_args(hint)
    if origin is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        return _convert_union(value, arguments)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_convert(item, arguments[0] if arguments else Any) for item in value)
    if origin is float and type(value) is int and abs(value) <= MAX_FLOAT_INTEGER:
        return float(value)
    if not isinstance(value, origin) or (isinstance(value, bool) and origin is not bool):
        raise TypeError
    if isinstance(value, Mapping) and arguments:
        return {_convert(k, arguments[0]): _convert(v, arguments[1]) for k, v in value.items()}
    return value


def _convert_union(value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        try:
            return _convert(value, choice)
        except TypeError:
            continue
    raise TypeError
