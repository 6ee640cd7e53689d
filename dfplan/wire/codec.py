"""The codec of openpi's protocol: MessagePack with NumPy arrays and scalars, nothing executable.

An array is a map with byte keys, `{b"__ndarray__": True, b"data": bytes, b"dtype": "<f4",
b"shape": (2, 3)}`, and a NumPy scalar `{b"__npgeneric__": True, b"data": 1.5, b"dtype": "<f4"}`, as
in Physical-Intelligence/openpi, `packages/openpi-client/src/openpi_client/msgpack_numpy.py`. What
arrives may come from anyone: only numbers, booleans and text are decoded, never objects, and an
array's size must agree with the bytes that carry it.
"""

import math
from typing import Any

import msgpack
import numpy as np

from dfplan.types import UserError, one_line

ARRAY = b"__ndarray__"
SCALAR = b"__npgeneric__"
DATA = b"data"
DTYPE = b"dtype"
SHAPE = b"shape"

INVALID = (TypeError, ValueError, OverflowError, RecursionError)
"""Errors of values that the format does not hold."""
KINDS = "biufSU"
"""NumPy's kinds of arrays that may travel: booleans, numbers and text."""
SCALAR_TYPES: dict[str, type | tuple[type, ...]] = {
    "b": (bool, int),
    "i": int,
    "u": int,
    "f": (int, float),
    "S": bytes,
    "U": str,
}
"""Types of the data of scalars, by NumPy's kind."""
MAX_DIMS = 8
MAX_ENTRIES = 65_536
"""Entries of one list or map; arrays, which are bytes, are not limited by it."""


def pack(value: Any) -> bytes:
    """Encode a value: nested dicts and lists of arrays, numbers, booleans, text and None.

    Raises:
        UserError: If it holds something else, such as an array of objects.
    """
    try:
        packed: Any = msgpack.packb(value, default=_encode)
        return packed
    except INVALID as error:
        raise UserError(f"the message cannot be encoded: {one_line(error)}") from error


def unpack(data: bytes) -> Any:
    """Decode a value; its arrays are views of the message and cannot be written to.

    Raises:
        UserError: If the bytes are not one value of the format, or hold an array of another kind
            or one whose size is not that of its data.
    """
    try:
        return msgpack.unpackb(
            data,
            object_hook=_decode,
            max_array_len=MAX_ENTRIES,
            max_map_len=MAX_ENTRIES,
        )
    except (*INVALID, msgpack.UnpackException) as error:
        reason = one_line(error)
        raise UserError(f"the message is not MessagePack with NumPy arrays: {reason}") from error


def _encode(value: Any) -> Any:
    if not isinstance(value, np.ndarray | np.generic):
        raise TypeError(f"{type(value).__name__} is not supported; valid: arrays, numbers and text")
    _check_kind(value.dtype)
    if isinstance(value, np.ndarray):
        data = value.tobytes()
        return {ARRAY: True, DATA: data, DTYPE: value.dtype.str, SHAPE: value.shape}
    return {SCALAR: True, DATA: value.item(), DTYPE: value.dtype.str}


def _decode(value: dict[Any, Any]) -> Any:
    if ARRAY in value:
        return _array(value)
    if SCALAR in value:
        return _scalar(value)
    return value


def _scalar(value: dict[Any, Any]) -> np.generic:
    data = value.get(DATA)
    dtype = _dtype(value)
    # NumPy would make other types from it, such as a million zero bytes from the number 1,000,000.
    if not isinstance(data, SCALAR_TYPES[dtype.kind]):
        raise UserError(f"a scalar of type {dtype} has data of type {type(data).__name__}")
    return dtype.type(data)


def _array(value: dict[Any, Any]) -> np.ndarray:
    data = value.get(DATA)
    shape = value.get(SHAPE)
    dtype = _dtype(value)
    if not isinstance(data, bytes):
        raise UserError(f"an array's data is of type {type(data).__name__}; needed: bytes")
    if not isinstance(shape, list) or not all(_is_size(n) for n in shape) or len(shape) > MAX_DIMS:
        raise UserError(f"an array's shape is {shape!r}; needed: up to {MAX_DIMS} sizes")
    needed = math.prod(shape) * max(dtype.itemsize, 1)  # text of no characters could be endless
    if len(data) != needed:
        raise UserError(
            f"an array of shape {tuple(shape)} and type {dtype} has {len(data)} bytes; "
            f"needed: {needed}"
        )
    return np.ndarray(tuple(shape), dtype, buffer=data) if data else np.zeros(shape, dtype)


def _dtype(value: dict[Any, Any]) -> np.dtype:
    name = value.get(DTYPE)
    if not isinstance(name, str):
        raise UserError(f"an array's type is {name!r}; needed: a name such as '<f4'")
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError) as error:
        raise UserError(f"an array's type is {name!r}; needed: a name such as '<f4'") from error
    _check_kind(dtype)
    return dtype


def _check_kind(dtype: np.dtype) -> None:
    if dtype.kind not in KINDS or dtype.hasobject or dtype.names:
        raise UserError(f"arrays of {dtype} are not supported; valid: numbers, booleans and text")


def _is_size(size: Any) -> bool:
    return type(size) is int and size >= 0
