"""HDF5 files. Sizes are checked before memory is allocated, and no other file is opened.

HDF5 can refer to other files: by external links, by external storage and by virtual datasets.
"""

import collections
import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.types import UserError
from dfplan.util.readers.errors import check_size, reading

MAX_DEPTH = 32


class Hdf5Arrays(Mapping[str, np.ndarray]):
    """Datasets of an open HDF5 file by path, such as "infos/goal"; each is read when looked up.

    Links within the file and links to other files are left out.
    """

    def __init__(self, path: Path, file: Any):
        self.path = path
        self.file = file
        with reading(path, "HDF5"):
            self._datasets = dict(_datasets(file))

    def __iter__(self) -> Iterator[str]:
        return iter(self._datasets)

    def __len__(self) -> int:
        return len(self._datasets)

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a dataset as an array.

        Raises:
            KeyError: If the file has no dataset of that name.
            UserError: If the dataset is damaged, or as `read_hdf5_dataset`.
        """
        return read_hdf5_dataset(self.path, self._datasets[name])


@contextlib.contextmanager
def open_hdf5(path: Path) -> Iterator[Hdf5Arrays]:
    """Open an HDF5 file and yield its datasets by path.

    Raises:
        UserError: If the file is missing, damaged or not HDF5.
    """
    import h5py

    with contextlib.ExitStack() as stack:
        with reading(path, "HDF5"):
            path.open("rb").close()  # a clearer error than HDF5's for a file that cannot be opened
            file = stack.enter_context(h5py.File(path, "r"))
        yield Hdf5Arrays(path, file)


def read_hdf5_dataset(path: Path, dataset: Any) -> np.ndarray:
    """Return an `h5py.Dataset` as an array, if the file itself can hold that much.

    Args:
        path: File of the dataset.
        dataset: Dataset of an open file.

    Raises:
        UserError: If the dataset is damaged, holds objects, is in another file or claims more
            than the file can hold.
    """
    with reading(path, "HDF5"):
        name = dataset.name.removeprefix("/")
        where = f"{path}: {name!r}"
        if dataset.external or dataset.is_virtual:
            raise UserError(f"{where} is in another file; copy the values into this one")
        if dataset.dtype.hasobject:
            raise UserError(f"{where} holds {dataset.dtype}; needed: numbers")
        check_size(path, repr(name), dataset.nbytes)
        if dataset.chunks:
            chunk = int(np.prod(dataset.chunks, dtype=object)) * dataset.dtype.itemsize
            check_size(path, f"a chunk of {name!r}", chunk)
    with reading(where):
        return np.asarray(dataset[()])


def _datasets(file: Any) -> Iterator[tuple[str, Any]]:
    """Yield each dataset with its path; a group that is linked twice is entered once.

    Raises:
        ValueError: If groups are nested deeper than `MAX_DEPTH`.
    """
    import h5py
    import h5py.h5o

    groups = collections.deque([("", file)])
    entered = set()
    while groups:
        prefix, group = groups.popleft()
        address = h5py.h5o.get_info(group.id).addr
        if address in entered:
            continue
        entered.add(address)
        if prefix.count("/") > MAX_DEPTH:
            raise ValueError(f"groups are nested more than {MAX_DEPTH} deep")
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            item = group[name]
            if isinstance(item, h5py.Dataset):
                yield prefix + name, item
            elif isinstance(item, h5py.Group):
                groups.append((f"{prefix}{name}/", item))
