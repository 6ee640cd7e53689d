"""Read Minari's HDF5 files with few library calls per episode, and sizes checked first.

Minari stores one group per episode and one HDF5 dataset per array, so that short episodes are
mostly overhead: h5py's high-level objects cost ten times the reading itself.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5g, h5s

from dfplan.data.store.episode import STEP_ARRAYS, Episode
from dfplan.types import UserError

DATA_FILE = "main_data.hdf5"
MAX_COMPRESSION = 1100
"""Deflate, HDF5's usual filter, makes data at most 1,032 times smaller."""


def count_episodes(data: Path) -> int:
    """Return the number of episodes in a file."""
    with h5py.File(data / DATA_FILE, "r") as file:
        return sum(name.startswith("episode_") for name in file)


def episode_steps(data: Path, ids: Sequence[int]) -> Iterator[int]:
    """Yield the number of steps of these episodes, without reading them."""
    with h5py.File(data / DATA_FILE, "r") as file:
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
    with h5py.File(path, "r") as file:
        reader = _ArrayReader(path.stat().st_size)
        for index in ids:
            group = h5g.open(file.id, b"episode_%d" % index)
            yield Episode(
                id=index,
                observations=reader.read_space(group, "observations", observation_space),
                actions=reader.read_space(group, "actions", action_space),
                **{name: reader.read(group, name) for name in step_arrays},
            )


class _ArrayReader:
    """Reader of a file's arrays that never takes more memory than the file could fill."""

    def __init__(self, file_size: int):
        self._types: list[tuple[Any, np.dtype]] = []
        self._file_size = file_size
        self._unread = file_size
        self._unread_expanded = file_size * MAX_COMPRESSION

    def read_space(self, parent: Any, name: str, space: Any) -> Any:
        """Return the array of a Box, or a dict of arrays."""
        from gymnasium import spaces

        if not isinstance(space, spaces.Dict):
            return self.read(parent, name)
        group = h5g.open(parent, name.encode())
        return {key: self.read_space(group, key, inner) for key, inner in space.items()}

    def read(self, parent: Any, name: str) -> np.ndarray:
        """Return one array."""
        dataset = h5d.open(parent, name.encode())
        kind, dtype = self._find_type(dataset)
        if dtype.kind not in "biuf":
            raise UserError(f"{name} hold values of type {dtype}; needed: numbers")
        shape = dataset.shape
        self._check_size(dataset, name, math.prod(shape) * dtype.itemsize)
        array = np.empty(shape, dtype)
        if array.size:
            dataset.read(h5s.ALL, h5s.ALL, array, kind)
        return array

    def _find_type(self, dataset: Any) -> tuple[Any, np.dtype]:
        """Return a dataset's type for HDF5 and for NumPy; the few that occur are kept."""
        stored = dataset.get_type()
        for kind, dtype in self._types:
            if stored.equal(kind):
                return kind, dtype
        self._types.append((stored, stored.dtype))
        return self._types[-1]

    def _check_size(self, dataset: Any, name: str, size: int) -> None:
        if size <= self._unread:
            self._unread -= size
            return
        compressed = dataset.get_create_plist().get_nfilters() > 0
        if not compressed or size > self._unread_expanded:
            raise UserError(
                f"{name} claim shape {dataset.shape}, {size:,} bytes, in a file of "
                f"{self._file_size:,}"
            )
        self._unread_expanded -= size
