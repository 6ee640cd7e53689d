"""NumPy's NPZ and NPY files. Sizes are checked before memory is allocated; nothing is unpickled."""

import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np

from dfplan.types import UserError
from dfplan.util.readers.errors import check_size, reading

SUFFIX = ".npy"
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compression methods that NumPy writes."""
HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""Readers by version of the format. Version 3 differs only in the names of fields, which arrays of
numbers do not have."""


class NpzArrays(Mapping[str, np.ndarray]):
    """Arrays of an NPZ file by name; each is read when it is looked up."""

    def __init__(self, path: Path):
        self.path = path
        with reading(path, "NPZ"), zipfile.ZipFile(path) as file:
            members = [info for info in file.infolist() if info.filename.endswith(SUFFIX)]
        for info in members:
            if info.compress_type not in COMPRESSIONS:
                raise UserError(f"{path}: {info.filename} has a compression that NumPy never uses")
        check_size(path, "its content", sum(info.file_size for info in members))
        self._sizes = {info.filename.removesuffix(SUFFIX): info.file_size for info in members}

    def __iter__(self) -> Iterator[str]:
        return iter(self._sizes)

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, name: str) -> np.ndarray:
        """Return an array.

        Raises:
            KeyError: If the file has no array of that name.
            UserError: If the array is damaged or does not hold plain values.
        """
        size = self._sizes[name]
        with reading(f"{self.path}: {name!r}"), zipfile.ZipFile(self.path) as file:
            with file.open(name + SUFFIX) as member:
                _check_header(member, size)
            with file.open(name + SUFFIX) as member:
                return np.lib.format.read_array(member, allow_pickle=False)


def read_npz(path: Path) -> NpzArrays:
    """Return the arrays of an NPZ file by name, each read when it is looked up.

    Raises:
        UserError: If the file is missing, damaged or not NPZ, or claims more than it can hold.
    """
    return NpzArrays(path)


def read_npy(path: Path) -> np.ndarray:
    """Return the array of an NPY file.

    Raises:
        UserError: If the file is missing, damaged or not NPY, or does not hold plain values.
    """
    with reading(path, "NPY"), path.open("rb") as file:
        _check_header(file, path.stat().st_size)
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)


def _check_header(file: IO[bytes], size: int) -> None:
    """Check that the array that a header describes fills the rest of the file.

    Args:
        file: File at its beginning.
        size: Size of the whole file in bytes.

    Raises:
        ValueError: If it does not, or the array holds objects.
    """
    version = np.lib.format.read_magic(file)
    if version not in HEADER_READERS:
        raise ValueError(f"unknown version {version} of NPY")
    shape, _, dtype = HEADER_READERS[version](file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects; needed: numbers")
    if any(n < 0 for n in shape):
        raise ValueError(f"it has the shape {shape}")
    claimed = math.prod(shape) * dtype.itemsize
    if claimed != size - file.tell():
        raise ValueError(
            f"an array {shape} of {dtype} has {claimed} bytes, but {size - file.tell()} are there"
        )
