"""Columns of NumPy's NPZ and NPY files. Nothing is unpickled."""

import contextlib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dfplan.data.importers.columns import ColumnReader
from dfplan.types import UserError, one_line


@contextlib.contextmanager
def open_npz(path: Path) -> Iterator[ColumnReader]:
    """Open an NPZ file and yield a reader of its arrays.

    Raises:
        UserError: If the file is missing or not NPZ.
    """
    try:
        file = np.load(path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read as NPZ: {one_line(error)}") from error
    if not isinstance(file, np.lib.npyio.NpzFile):
        raise UserError(f"{path} cannot be read as NPZ: it holds a single array")
    with file:
        yield ColumnReader(str(path), tuple(file.files), lambda name: file[name])


def open_npy(paths: Sequence[Path]) -> ColumnReader:
    """Return a reader of NPY files, one column per file, named after the file."""
    files = {path.stem: path for path in paths}
    where = ", ".join(map(str, paths))
    return ColumnReader(where, tuple(files), lambda name: np.load(files[name]))
