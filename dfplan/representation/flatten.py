"""Flatten a Box, or a Dict of Boxes, to one vector."""

import math
from typing import Any

import numpy as np

from dfplan.types import UserError, one_line

Shape = tuple[Any, ...]
"""Shape of a Box, `(2, 3)`, or entries of a Dict, `(("arm", (7,)), ("hand", (2, 3)))`."""

NUMERIC_KINDS = "iuf"
"""NumPy's kinds of integers and floating-point numbers."""
SUPPORTED = "a Box of numbers, or a Dict of those, without images"


def shape_of(space) -> Shape:
    """Return the shape of a Gymnasium space, with the entries of every Dict sorted by name.

    Raises:
        UserError: If the space is neither a Box nor a Dict, is an empty Dict or contains an image.
    """
    from gymnasium import spaces

    if isinstance(space, spaces.Dict) and len(space):
        return tuple((str(key), shape_of(space[key])) for key in sorted(space, key=str))
    if not isinstance(space, spaces.Box) or not _is_vector(space):
        text = " ".join(str(space).split())
        raise UserError(f"observation space {text} is not supported; supported: {SUPPORTED}")
    return tuple(map(int, space.shape))


def _is_vector(space) -> bool:
    """Return whether a Box holds numbers, neither booleans nor an image."""
    is_image = space.dtype == np.uint8 and len(space.shape) >= 2
    return space.dtype.kind in NUMERIC_KINDS and not is_image


def is_dict_shape(shape: Shape | None) -> bool:
    """Return whether a shape is that of a Dict."""
    return bool(shape) and not isinstance(shape[0], int)


def length(shape: Shape) -> int:
    """Return the number of elements."""
    if is_dict_shape(shape):
        return sum(length(inner) for _, inner in shape)
    return math.prod(shape)


def flatten(value: Any, shape: Shape, what: str, dtype: Any = np.float32) -> np.ndarray:
    """Flatten an observation, or a batch of them, to a new array `[..., n]`.

    Args:
        value: Array or dict of arrays of this shape, with leading batch axes.
        shape: Shape from `shape_of`.
        what: Name of the value in errors.
        dtype: Type of the result; None for float32 where that holds the value exactly, else
            float64.

    Raises:
        UserError: If the value has another structure or shape.
    """
    if not is_dict_shape(shape):
        return _vector(value, shape, what, dtype)
    keys = [key for key, _ in shape]
    if not isinstance(value, dict):
        raise UserError(f"{what} is a {type(value).__name__}; needed: a dict with {_names(keys)}")
    for key in keys:
        if key not in value:
            names = _names(value) or "nothing"
            raise UserError(f"{what} has {names} and no {key}; needed: {_names(keys)}")
    vectors = [flatten(value[key], inner, f"{what} {key!r}", dtype) for key, inner in shape]
    return np.concatenate(vectors, axis=-1)


def _vector(x: Any, shape: tuple[int, ...], what: str, dtype: Any) -> np.ndarray:
    if isinstance(x, dict):
        raise UserError(f"{what} is a dict with {_names(x)}; needed: an array")
    x = as_numbers(x, what, dtype)
    batch = x.ndim - len(shape)
    if batch < 0 or x.shape[batch:] != shape:
        raise UserError(
            f"{what} has shape {x.shape}; needed: ({', '.join(['...', *map(str, shape)])})"
        )
    return x.reshape(*x.shape[:batch], math.prod(shape))


def as_numbers(value: Any, what: str, dtype: Any = np.float32) -> np.ndarray:
    """Return real numbers of any type as a new array; numbers too large for it become infinite.

    Masked entries of a NumPy masked array are missing, NaN.

    Args:
        value: Array, number, or nested sequences of numbers.
        what: Name of the value in errors.
        dtype: Type of the result, see `flatten`.

    Raises:
        UserError: If it holds anything but integers and floating-point numbers.
    """
    try:
        if isinstance(value, np.ma.MaskedArray):
            value = np.ma.filled(value.astype(np.float64), np.nan)
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{what} is not an array of numbers: {one_line(error)}") from error
    if array.dtype.kind not in NUMERIC_KINDS:
        raise UserError(
            f"{what} is not an array of numbers but of {array.dtype.type.__name__}, such as "
            f"{_example(array)}; needed: integers or floating-point numbers"
        )
    with np.errstate(over="ignore"):
        return array.astype(dtype or np.result_type(array.dtype, np.float32))


def _example(array: np.ndarray) -> str:
    return repr(array.ravel()[:1].tolist())[1:-1][:40] if array.size else "nothing"


def _names(keys) -> str:
    return ", ".join(map(str, keys))
