"""Read short episodes of HDF5 files many at a time.

HDF5 reads one episode of each form; the bytes of all others are compared with those of the first,
and their arrays taken from where its arrays were. Whatever differs is left to HDF5.
"""

import collections
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.store.episode import STEP_ARRAYS, Episode
from dfplan.data.store.header_forms import Form, learn, windows

CHUNK = 1024
"""Episodes that are compared at once."""
FEWEST = 4
"""Episodes of one form that are worth a comparison."""
ARRAYS = ("observations", "actions", *STEP_ARRAYS)
BATCH_BYTES = 2**24
"""Bytes of arrays that are read at once."""
FORM_BYTES = 48
"""Bytes at the beginning of an array's header that hold its shape."""
Read = Callable[[int], Episode]
"""Function that reads an episode by HDF5."""


class ShortEpisodes:
    """Reader of many episodes of a file.

    Args:
        path: The file.
        address: `[E]` uint64, offset of each episode's group in the file; 0 if it is not known.
        read: See `Read`.
        count: Function that is called with the bytes of arrays that have been read, and raises a
            `UserError` if the file cannot hold that many.
    """

    def __init__(self, path: Path, address: np.ndarray, read: Read, count: Callable[[int], None]):
        self._file = np.memmap(path, np.uint8, "r").view(np.ndarray)
        self._address = address
        self._read = read
        self._count = count
        self._group: Form | None = None
        self._forms: dict[bytes, Form | None] = {}

    def read(self, ids: Sequence[int]) -> Iterator[Episode]:
        """Yield these episodes in their order.

        Raises:
            UserError: If an episode is missing or damaged.
        """
        for start in range(0, len(ids), CHUNK):
            chunk = list(ids[start : start + CHUNK])
            episodes: dict[int, Episode] = {}
            if not start:
                episodes[chunk[0]] = self._read(chunk[0])
                self._group = self._try_to_learn(episodes[chunk[0]])
            if self._group is not None:
                self._read_many(self._group, chunk, episodes)
            for index in chunk:
                yield episodes[index] if index in episodes else self._read(index)

    def _read_many(self, group: Form, ids: Sequence[int], episodes: dict[int, Episode]) -> None:
        """Add the episodes whose form occurs often."""
        for key, members in self._alike(group, ids).items():
            members = [index for index in members if index not in episodes]
            if key not in self._forms:
                if len(members) < FEWEST:
                    continue
                first = members.pop()
                episodes[first] = self._read(first)
                self._forms[key] = self._try_to_learn(episodes[first])
            form = self._forms[key]
            if form is not None:
                size = max(BATCH_BYTES // form.nbytes, 1)
                for start in range(0, len(members), size):
                    episodes |= self._read_alike(form, members[start : start + size])

    def _alike(self, group: Form, ids: Sequence[int]) -> dict[bytes, list[int]]:
        """Return lists of episodes whose actions have equal shapes, by the bytes that say so.

        Args:
            group: A form whose group's header is that of the episodes.
            ids: Episodes.
        """
        matches, start = group.locate(self._file, self._address[ids], "actions")
        assert start is not None  # all arrays of the group were found when it was learned
        matches &= start <= np.uint64(len(self._file) - FORM_BYTES)
        keys = windows(self._file, np.where(matches, start, 0), FORM_BYTES)
        alike = collections.defaultdict(list)
        for row in np.flatnonzero(matches).tolist():
            alike[keys[row].tobytes()].append(ids[row])
        return alike

    def _try_to_learn(self, episode: Episode) -> Form | None:
        arrays = {name: getattr(episode, name) for name in ARRAYS}
        present = {name: array for name, array in arrays.items() if array is not None}
        try:
            return learn(self._file, int(self._address[episode.id]), present)
        except (ValueError, IndexError, RecursionError):
            return None

    def _read_alike(self, form: Form, ids: Sequence[int]) -> dict[int, Episode]:
        matches, arrays = form.read(self._file, self._address[ids])
        rows = np.flatnonzero(matches).tolist()
        self._count(len(rows) * form.nbytes)
        return {ids[row]: Episode(id=ids[row], **_row(arrays, row)) for row in rows}


def _row(arrays: dict[str, Any], row: int) -> dict[str, Any]:
    """Return one row of each array."""
    return {
        name: _row(array, row) if isinstance(array, dict) else array[row]
        for name, array in arrays.items()
    }
