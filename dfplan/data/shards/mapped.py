"""MappedRows: arrays of several files, memory-mapped, read by row number."""

import math
import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.types import UserError, one_line

BLOCK_BYTES = 2**24
RANDOM = "MADV_RANDOM"
SEQUENTIAL = "MADV_SEQUENTIAL"
DROP = "MADV_DONTNEED"
NO_ROWS = np.zeros(0, np.int64)


class MappedRows:
    """Rows of float32 numbers in NumPy files, one after the other.

    Pages that have been read count as this process's memory until `release`.

    Args:
        paths: Files, each `[n, D]`.
        zero_rows: Sorted numbers of rows that `take` returns as zeros.

    Raises:
        UserError: If a file is missing or damaged.
    """

    def __init__(self, paths: Sequence[Path], zero_rows: np.ndarray = NO_ROWS):
        self._zero_rows = zero_rows
        files = [_map(path) for path in paths]
        self._maps = [mapping for mapping, _ in files]
        self._arrays = [array for _, array in files]
        self.columns = self._arrays[0].shape[1]
        rows = [len(array) for array in self._arrays]
        self._first = np.cumsum([0, *rows])

    def __len__(self) -> int:
        return int(self._first[-1])

    @property
    def rows(self) -> list[int]:
        """Number of rows of each file."""
        return [len(array) for array in self._arrays]

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows of these numbers, `[..., D]`."""
        numbers = rows.reshape(-1)
        file = np.searchsorted(self._first, numbers, side="right") - 1
        out = np.empty((len(numbers), self.columns), np.float32)
        for i in np.unique(file).tolist():
            chosen = np.flatnonzero(file == i)
            out[chosen] = self._arrays[i][numbers[chosen] - self._first[i]]
        out[contains(self._zero_rows, numbers)] = 0.0
        return out.reshape(*rows.shape, self.columns)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all rows in blocks, and release them."""
        size = max(BLOCK_BYTES // (4 * self.columns), 1)
        for mapping, array in zip(self._maps, self._arrays, strict=True):
            _advise(mapping, SEQUENTIAL)
            for first in range(0, len(array), size):
                yield array[first : first + size]
                _advise(mapping, DROP)
            _advise(mapping, RANDOM)

    def release(self) -> None:
        """Give the pages that have been read back to the system, which may still cache them."""
        for mapping in self._maps:
            _advise(mapping, DROP)


def contains(ordered: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return which numbers are in a sorted array."""
    if not len(ordered):
        return np.zeros(len(numbers), bool)
    place = np.searchsorted(ordered, numbers).clip(max=len(ordered) - 1)
    return ordered[place] == numbers


def _map(path: Path) -> tuple[mmap.mmap, np.ndarray]:
    try:
        with path.open("rb") as file:
            shape, offset = _read_header(file)
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            array = np.frombuffer(mapping, np.float32, math.prod(shape), offset).reshape(shape)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} cannot be read: {one_line(error)}") from error
    _advise(mapping, RANDOM)
    return mapping, array


def _advise(mapping: mmap.mmap, advice: str) -> None:
    """Tell the system how a mapping is used, where it can be told."""
    if hasattr(mmap, advice):
        mapping.madvise(getattr(mmap, advice))


def _read_header(file: Any) -> tuple[tuple[int, int], int]:
    """Return the shape of a NumPy file and where its numbers begin."""
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"it has version {version} of NumPy's format; needed: (1, 0)")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if len(shape) != 2 or fortran or dtype != np.dtype("<f4"):
        raise ValueError(f"it holds {dtype} of shape {shape}; needed: rows of float32 numbers")
    return shape, file.tell()
