"""Text files of numbers, one row per line, without column names."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from dfplan.types import UserError
from dfplan.util.readers import reading

SNIFFED_BYTES = 4096


def first_line(path: Path) -> str:
    """Return the first nonblank line of a text file; empty if the file is not text."""
    try:
        with path.open("rb") as file:
            beginning = file.read(SNIFFED_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""
    return next((line for line in beginning.splitlines() if line.strip()), "")


def is_numbers(fields: list[str]) -> bool:
    """Return whether every field is a number."""
    try:
        [float(field) for field in fields]
    except ValueError:
        return False
    return True


def read_numbers(
    path: Path, delimiter: str | None, valid: Collection[int], layout: str
) -> np.ndarray:
    """Read the numbers of a text file, `[N, K]` float64.

    Args:
        path: File to read.
        delimiter: Separator of the numbers in a line; None for spaces and tabs.
        valid: Numbers of columns that the format allows.
        layout: Columns of the format, for the error message.

    Raises:
        UserError: If the file cannot be read, is empty, holds anything but numbers, or has a number
            of columns that is not valid.
    """
    with reading(path, f"lines of {layout}"):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        lines = [line for line in lines if line.strip()]
        if not lines:
            raise ValueError("it is empty")
        numbers = np.loadtxt(lines, delimiter=delimiter, ndmin=2, comments=None)
    if numbers.shape[1] not in valid:
        raise UserError(f"{path} has {numbers.shape[1]} columns; needed: {layout}")
    return numbers


def as_integers(path: Path, name: str, column: np.ndarray) -> np.ndarray:
    """Return a column of whole numbers, such as frames and ids, as int64.

    Raises:
        UserError: If a number is not whole; the message names its row.
    """
    whole = np.isfinite(column) & (column == np.round(column)) & (np.abs(column) < 2**53)
    if not whole.all():
        row = int(np.flatnonzero(~whole)[0])
        raise UserError(f"{path}, row {row}: {name} is {column[row]:g}; needed: a whole number")
    return column.astype(np.int64)
