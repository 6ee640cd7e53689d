"""Columns of NumPy's NPZ and NPY files."""

from collections.abc import Sequence
from pathlib import Path

from dfplan.data.importers.columns import ColumnReader
from dfplan.util.readers import read_npy, read_npz


def open_npz(path: Path) -> ColumnReader:
    """Return a reader of an NPZ file's arrays.

    Raises:
        UserError: If the file is missing or not NPZ.
    """
    arrays = read_npz(path)
    return ColumnReader(str(path), tuple(arrays), arrays.__getitem__)


def open_npy(paths: Sequence[Path]) -> ColumnReader:
    """Return a reader of NPY files, one column per file, named after the file."""
    files = {path.stem: path for path in paths}
    where = ", ".join(map(str, paths))
    return ColumnReader(where, tuple(files), lambda name: read_npy(files[name]))
