"""Flags: booleans in the various forms in which files and environments provide them."""

from typing import Any

import numpy as np

from dfplan.types import UserError, short_repr

WORDS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
NEEDED = "needed: a boolean, 0 or 1"


def as_flag(value: Any, what: str) -> bool:
    """Return a boolean, or the number 0 or 1, as bool; NumPy arrays of size 1 are accepted.

    Args:
        value: Value to convert.
        what: Name of the value in errors.

    Raises:
        UserError: If the value is anything else, such as text or a fraction.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list
        array = np.asarray(None)
    if array.size == 1 and array.dtype.kind == "O":
        array = np.asarray(array.item())
    if array.size != 1 or array.dtype.kind not in "biuf" or array.item() not in (0, 1):
        raise UserError(f"{what} is {short_repr(value)}; {NEEDED}")
    return bool(array.item())


def as_flags(values: np.ndarray, what: str) -> np.ndarray:
    """Return a column of flags as bool, `[N]`.

    Args:
        values: `[N]` booleans, numbers 0 and 1, or the words true and false in any case.
        what: Name of the column in errors.

    Raises:
        UserError: If a value is anything else, such as NaN; the message names the first row.
    """
    if values.dtype.kind in "biuf":
        bad = (values != 0) & (values != 1)
        flags = values == 1
    else:
        words = [_word(value) for value in values.tolist()]
        bad = np.array([word not in WORDS for word in words], bool)
        flags = np.array([WORDS.get(word, False) for word in words], bool)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        value = short_repr(values[row].item() if hasattr(values[row], "item") else values[row])
        raise UserError(f"{what}, row {row}, is {value}; {NEEDED} ({int(bad.sum())} are neither)")
    return flags


def _word(value: Any) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text.strip().lower()
