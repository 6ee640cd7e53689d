"""Read short episodes of HDF5 files many at a time.

The arrays of a short episode lie in object headers. In episodes of equal shapes, these are equal
byte for byte but for the numbers, addresses, attributes and checksums. HDF5 reads one episode of
each form; the bytes of all others are compared with those of the first, and their arrays taken from
where its arrays were. Whatever differs is left to HDF5.
"""

import collections
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.store.episode import STEP_ARRAYS, Episode
from dfplan.data.store.object_headers import (
    ADDRESS_BYTES,
    ATTRIBUTE,
    CHECKSUM_BYTES,
    COMPACT,
    CONTINUATION,
    LAYOUT,
    LINK,
    Block,
    addresses,
    checksums,
    first_block,
    hard_link,
    next_block,
    stored_checksums,
)

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


@dataclasses.dataclass(frozen=True)
class _Form:
    """What a block of a header has in common in all episodes of equal shapes.

    Attributes:
        address: Offset of the first such block in the file.
        content: `[n]` uint8, its bytes.
        varies: `[n]` bool, bytes that may differ.
        links: For a group, the needed objects by name: offset of the address, and form there.
        continuations: Further blocks of the header: offset of the address, and form there.
        data: For an array, its bytes in the block; None for a group.
        dtype: Type of the array.
        shape: Shape of the array.
    """

    address: int
    content: np.ndarray
    varies: np.ndarray
    links: dict[str, tuple[int, "_Form"]] = dataclasses.field(default_factory=dict)
    continuations: tuple[tuple[int, "_Form"], ...] = ()
    data: slice | None = None
    dtype: np.dtype | None = None
    shape: tuple[int, ...] = ()

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        if self.data is not None:
            return self.data.stop - self.data.start
        return sum(form.nbytes for _, form in (*self.links.values(), *self.continuations))

    def read(self, file: np.ndarray, address: np.ndarray) -> tuple[np.ndarray, Any]:
        """Return `[k]` bool which blocks at these addresses have this form, and all arrays.

        An array is `[k, ...]`, with arbitrary numbers for blocks of other forms. Those of a group
        are a dict.
        """
        blocks, matches = self._find(file, address)
        if self.data is not None:
            stored = np.ascontiguousarray(blocks[:, self.data])
            return matches, stored.view(self.dtype).reshape(len(blocks), *self.shape)
        arrays = {}
        for name, (offset, form) in self.links.items():
            inner, arrays[name] = form.read(file, form._follow(blocks, offset, matches))
            matches = matches & inner
        for offset, form in self.continuations:
            inner, more = form.read(file, form._follow(blocks, offset, matches))
            matches = matches & inner
            arrays |= more
        return matches, arrays

    def locate(
        self, file: np.ndarray, address: np.ndarray, name: str
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return `[k]` bool which groups have this form, and the addresses of one of their objects.

        The addresses are None if no block has a link of this name.
        """
        blocks, matches = self._find(file, address)
        if name in self.links:
            return matches, addresses(blocks, self.links[name][0])
        for offset, form in self.continuations:
            inner, found = form.locate(file, form._follow(blocks, offset, matches), name)
            if found is not None:
                return matches & inner, found
        return matches, None

    def _find(self, file: np.ndarray, address: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return blocks `[k, n]` at these addresses, and `[k]` bool which of them have this form."""
        size = len(self.content)
        inside = address <= np.uint64(max(len(file) - size, 0))
        blocks = _windows(file, np.where(inside, address, self.address), size)
        equal = ((blocks == self.content) | self.varies).all(axis=1)
        return blocks, inside & equal & (stored_checksums(blocks) == checksums(blocks))

    def _follow(self, blocks: np.ndarray, offset: int, matches: np.ndarray) -> np.ndarray:
        """Return the addresses of blocks of this form; the first one's where nothing matches."""
        return np.where(matches, addresses(blocks, offset), np.uint64(self.address))


def _windows(file: np.ndarray, start: np.ndarray, size: int) -> np.ndarray:
    """Return `size` bytes from each of these offsets `[k]`, `[k, size]`."""
    return np.lib.stride_tricks.sliding_window_view(file, size)[start.astype(np.int64)]


def _learn(file: np.ndarray, address: int, value: Any) -> _Form:
    """Return the form of an object that HDF5 has read.

    Args:
        file: Bytes of the file.
        address: Offset of the object's header.
        value: Its array, or for a group a dict of those that are needed.

    Raises:
        ValueError: If an array does not lie in its header, or the header has another version.
    """
    block = first_block(file, address)
    if not isinstance(value, dict):
        return _learn_array(block, address, value)
    form = _learn_group(file, block, address, value)
    missing = set(value) - _names(form)
    if missing:
        raise ValueError(f"no links {missing} in the header")
    return form


def _learn_array(block: Block, address: int, array: np.ndarray) -> _Form:
    data = _compact_data(block)
    if not array.size or block.content[data] != array.tobytes():
        raise ValueError("an array that does not lie in its header")
    form = _form(block, address, varies=[data])
    return dataclasses.replace(form, data=data, dtype=array.dtype, shape=array.shape)


def _compact_data(block: Block) -> slice:
    """Return where an array lies in its header; nowhere if it lies elsewhere."""
    for kind, start, stop in block.messages():
        if kind == LAYOUT and block.content[start + 1] == COMPACT:
            return slice(start + 4, stop)  # after version, kind and size
    return slice(0, 0)


def _learn_group(file: np.ndarray, block: Block, address: int, values: dict[str, Any]) -> _Form:
    """Return the form of a block of a group's header, with those links in it that are needed."""
    links = {}
    continuations = []
    varies = []
    for message in block.messages():
        if message.kind == ATTRIBUTE:
            varies.append(slice(message.start, message.stop))
        if message.kind == CONTINUATION:
            inner, part = next_block(file, block, message)
            continuations.append((message.start, _learn_group(file, part, inner, values)))
            varies.append(slice(message.start, message.start + ADDRESS_BYTES))
        if message.kind == LINK:
            name, offset = hard_link(block.content, message)
            target = slice(offset, offset + ADDRESS_BYTES)
            varies.append(target)
            if name in values:
                inner = int.from_bytes(block.content[target], "little")
                links[name] = (offset, _learn(file, inner, values[name]))
    form = _form(block, address, varies)
    return dataclasses.replace(form, links=links, continuations=tuple(continuations))


def _form(block: Block, address: int, varies: Sequence[slice]) -> _Form:
    content = np.frombuffer(block.content, np.uint8)
    mask = np.zeros(len(content), bool)
    for part in (*varies, slice(-CHECKSUM_BYTES, None)):
        mask[part] = True
    return _Form(address, content, mask)


def _names(form: _Form) -> set[str]:
    """Return the names of a group's links in all of its blocks."""
    return set(form.links).union(*(_names(part) for _, part in form.continuations))


class ShortEpisodes:
    """Reader of many episodes of a file.

    Args:
        path: The file.
        address: `[E]` uint64, offset of each episode's group in the file; 0 if it is not known.
        read: See `Read`.
        count: Function that is called with the bytes of arrays that have been read, and raises a
            `UserError` if the file cannot hold that many.
    """

    def __init__(
        self, path: Path, address: np.ndarray, read: Read, count: Callable[[int], None]
    ):
        self._file = np.memmap(path, np.uint8, "r").view(np.ndarray)
        self._address = address
        self._read = read
        self._count = count
        self._group: _Form | None = None
        self._forms: dict[bytes, _Form | None] = {}

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

    def _read_many(self, group: _Form, ids: Sequence[int], episodes: dict[int, Episode]) -> None:
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

    def _alike(self, group: _Form, ids: Sequence[int]) -> dict[bytes, list[int]]:
        """Return lists of episodes whose actions have equal shapes, by the bytes that say so.

        Args:
            group: A form whose group's header is that of the episodes.
            ids: Episodes.
        """
        matches, start = group.locate(self._file, self._address[ids], "actions")
        assert start is not None  # all arrays of the group were found when it was learned
        matches &= start <= np.uint64(len(self._file) - FORM_BYTES)
        keys = _windows(self._file, np.where(matches, start, 0), FORM_BYTES)
        alike = collections.defaultdict(list)
        for row in np.flatnonzero(matches).tolist():
            alike[keys[row].tobytes()].append(ids[row])
        return alike

    def _try_to_learn(self, episode: Episode) -> _Form | None:
        arrays = {name: getattr(episode, name) for name in ARRAYS}
        present = {name: array for name, array in arrays.items() if array is not None}
        try:
            return _learn(self._file, int(self._address[episode.id]), present)
        except (ValueError, IndexError, RecursionError):
            return None

    def _read_alike(self, form: _Form, ids: Sequence[int]) -> dict[int, Episode]:
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
