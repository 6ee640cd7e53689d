"""Read Minari's HDF5 files with few library calls per episode, and check sizes first.

Minari stores one group per episode and one HDF5 dataset per array, so that short episodes are
mostly overhead: h5py's high-level objects cost ten times the reading itself.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5g, h5l, h5s  # pyright: ignore[reportAttributeAccessIssue]

from dfplan.data.store.episode import STEP_ARRAYS, Episode
from dfplan.data.store.short_read import ShortEpisodes
from dfplan.types import UserError
from dfplan.util.readers.errors import FREE_BYTES, MAX_EXPANSION

DATA_FILE = "main_data.hdf5"
MANY = 16
"""Episodes from which on their addresses are worth looking up."""


def count_episodes(data: Path) -> int:
    """Return the number of episodes in a file."""
    with _open(data) as file:
        return sum(str(name).startswith("episode_") for name in file)


def episode_steps(data: Path, ids: Sequence[int]) -> Iterator[int]:
    """Yield the number of steps of these episodes, without reading them."""
    with _open(data) as file:
        for index in ids:
            shape = h5d.open(file.id, b"episode_%d/rewards" % index).shape
            yield shape[0] if shape else 0


def read_episodes(
    data: Path,
    observation_space: Any,
    action_space: Any,
    ids: Sequence[int],
    step_arrays: Sequence[str] = STEP_ARRAYS,
) -> Iterator[Episode]:
    """Yield these episodes, one at a time.

    Args:
        data: Folder of the dataset's files.
        observation_space: Box, or Dict of Boxes, that are not images.
        action_space: Box.
        ids: Indices of the episodes.
        step_arrays: Names of the arrays with one number per step to read.

    Raises:
        UserError: If an array does not hold numbers, or claims more of them than the file can hold.
    """
    path = data / DATA_FILE
    with _open(data) as file:
        reader = _ArrayReader(path.stat().st_size)

        def read(index: int) -> Episode:
            group = _open_group(file.id, f"episode_{index}")
            return Episode(
                id=index,
                observations=reader.read_space(group, "observations", observation_space),
                actions=reader.read_space(group, "actions", action_space),
                **{name: reader.read(group, name) for name in step_arrays},
            )

        if len(ids) < MANY:
            yield from map(read, ids)
        else:
            yield from ShortEpisodes(path, group_addresses(file, ids), read, reader.count).read(ids)


def group_addresses(file: h5py.File, ids: Sequence[int]) -> np.ndarray:
    """Return where each episode's group lies in the file, `[E]` uint64; 0 where there is none."""
    address = np.zeros(max(ids, default=-1) + 1, np.uint64)
    indices = {b"episode_%d" % index: index for index in ids}

    def add(name: bytes, link: Any) -> None:
        index = indices.get(name)
        if index is not None and link.type == h5l.TYPE_HARD:
            address[index] = link.u

    file.id.links.iterate(add, info=True)
    return address


def _open(data: Path) -> h5py.File:
    path = data / DATA_FILE
    if not path.is_file():  # opening a pipe would wait forever
        raise UserError(f"{DATA_FILE} is missing")
    return h5py.File(path, "r")


def _open_group(parent: Any, name: str) -> Any:
    _check_link(parent, name)
    return h5g.open(parent, name.encode())


def _check_link(parent: Any, name: str) -> None:
    """Check that a name is not a link, which could refer to another file."""
    if parent.links.get_info(name.encode()).type != h5l.TYPE_HARD:
        raise UserError(f"{name} is a link to another place; needed: the values themselves")


class _ArrayReader:
    """Reader of a file's arrays that never allocates more memory than the file could fill."""

    def __init__(self, file_size: int):
        self._types: list[tuple[Any, np.dtype]] = []
        self._file_size = file_size
        self._unread = file_size
        self._unread_expanded = max(FREE_BYTES, file_size * MAX_EXPANSION)

    def read_space(self, parent: Any, name: str, space: Any) -> Any:
        """Return the array of a Box, or a dict of arrays."""
        from gymnasium import spaces

        if not isinstance(space, spaces.Dict):
            return self.read(parent, name)
        group = _open_group(parent, name)
        return {key: self.read_space(group, key, inner) for key, inner in space.items()}

    def read(self, parent: Any, name: str) -> np.ndarray:
        """Return one array."""
        _check_link(parent, name)
        dataset = h5d.open(parent, name.encode())
        kind, dtype = self._find_type(dataset)
        if dtype.kind not in "biuf":
            raise UserError(f"{name} hold values of type {dtype}; needed: numbers")
        shape = dataset.shape
        self._check_size(dataset, name, dtype.itemsize)
        array = np.empty(shape, dtype)
        if array.size:
            dataset.read(h5s.ALL, h5s.ALL, array, kind)
        return array

    def count(self, size: int) -> None:
        """Check that the file can hold this many bytes more, before they are read."""
        self._unread -= self._check_bytes("short episodes", (size,), 1, self._unread)

    def _find_type(self, dataset: Any) -> tuple[Any, np.dtype]:
        """Return a dataset's type for HDF5 and for NumPy; a file has few, which are cached."""
        stored = dataset.get_type()
        for kind, dtype in self._types:
            if stored.equal(kind):
                return kind, dtype
        self._types.append((stored, stored.dtype))
        return self._types[-1]

    def _check_size(self, dataset: Any, name: str, itemsize: int) -> None:
        """Check that the file itself holds the values, and is large enough for them."""
        properties = dataset.get_create_plist()
        layout = properties.get_layout()
        if layout == h5d.VIRTUAL or (layout == h5d.CONTIGUOUS and properties.get_external_count()):
            raise UserError(f"{name} are stored in another file; needed: the values themselves")
        compressed = False
        if layout == h5d.CHUNKED:
            compressed = properties.get_nfilters() > 0
            # A chunk of a small array may be larger than the file.
            limit = max(FREE_BYTES, self._file_size)
            self._check_bytes(f"a chunk of {name}", properties.get_chunk(), itemsize, limit)
        unread = self._unread_expanded if compressed else self._unread
        size = self._check_bytes(name, dataset.shape, itemsize, unread)
        self._unread_expanded -= size
        self._unread -= 0 if compressed else size

    def _check_bytes(self, what: str, shape: tuple[int, ...], itemsize: int, limit: int) -> int:
        size = math.prod(shape) * itemsize
        if size > limit:
            raise UserError(
                f"{what} claim shape {shape}, {size:,} bytes, in a file of {self._file_size:,}"
            )
        return size
