"""Write short episodes of HDF5 files many at a time.

HDF5 writes one episode of each form into a file in memory. The headers of all others are copies
with other numbers, addresses and checksums. HDF5 itself writes an empty group for each episode, and
so all links of the file; once it has closed the file, the other headers are appended, and those of
the groups replaced.
"""

import collections
import dataclasses
from collections.abc import Callable, Sequence
from typing import IO, Any

import numpy as np

from dfplan.data.store.header_forms import Form
from dfplan.data.store.object_headers import (
    checksums,
    set_addresses,
    set_checksums,
    stored_checksums,
)

MAX_EPISODES = 1024
MAX_BYTES = 2**24
"""Episodes, and bytes of their arrays, that are held in memory."""
FEWEST = 4
"""Episodes of one form that are worth an example."""
SUPERBLOCK = b"\x89HDF\r\n\x1a\n"
SUPERBLOCK_BYTES = 48
SUPERBLOCK_VERSIONS = (2, 3)
END_OFFSET = 28
"""Offset of the address of the file's end in the superblock."""


@dataclasses.dataclass(frozen=True)
class ShortEpisode:
    """An episode to write.

    Attributes:
        arrays: Arrays of numbers by name, and dicts of these.
        attributes: 64-bit integers by name.
    """

    arrays: dict[str, Any]
    attributes: dict[str, int]

    def signature(self) -> tuple:
        """Return what decides the form of the episode."""
        kinds = ((name, np.array(number).dtype) for name, number in self.attributes.items())
        return (*_signature(self.arrays), *kinds)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return _nbytes(self.arrays)


def _nbytes(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_nbytes, value.values()))
    return value.nbytes


def _signature(arrays: dict[str, Any]) -> tuple:
    return tuple(
        (name, _signature(value)) if isinstance(value, dict) else (name, value.dtype, value.shape)
        for name, value in arrays.items()
    )


@dataclasses.dataclass(frozen=True)
class _Batch:
    """Episodes of one form whose arrays lie in the scratch file at these offsets."""

    form: Form
    offsets: dict[str, Any]
    attributes: dict[str, np.ndarray]


class ShortEpisodeWriter:
    """Writer of the short episodes of a file.

    Args:
        scratch: New binary file for headers until HDF5 has closed the file.
        learn: Function that returns the form of an episode, or None if HDF5 must write it.
        write: Function that writes an episode by HDF5.
    """

    def __init__(
        self,
        scratch: IO[bytes],
        learn: Callable[[ShortEpisode], Form | None],
        write: Callable[[ShortEpisode], None],
    ):
        self._scratch = scratch
        self._learn = learn
        self._write = write
        self._forms: dict[tuple, Form | None] = {}
        self._pending: dict[tuple, list[ShortEpisode]] = collections.defaultdict(list)
        self._episodes = 0
        self._bytes = 0
        self._batches: list[_Batch] = []

    def add(self, episode: ShortEpisode) -> None:
        """Add an episode, whose arrays are kept; it may be written later."""
        self._pending[episode.signature()].append(episode)
        self._episodes += 1
        self._bytes += episode.nbytes

    @property
    def is_full(self) -> bool:
        """Whether `flush` should be called."""
        return self._episodes >= MAX_EPISODES or self._bytes >= MAX_BYTES

    def flush(self) -> None:
        """Write the arrays of all episodes added so far."""
        for signature, episodes in self._pending.items():
            if signature not in self._forms and len(episodes) >= FEWEST:
                self._forms[signature] = self._learn(episodes[0])
            form = self._forms.get(signature)
            if form is None:
                for episode in episodes:
                    self._write(episode)
                continue
            self._batches.append(self._write_batch(form, episodes))
        self._pending.clear()
        self._episodes = self._bytes = 0

    def _write_batch(self, form: Form, episodes: Sequence[ShortEpisode]) -> _Batch:
        names = episodes[0].attributes
        return _Batch(
            form=form,
            offsets=self._write_arrays(form, [episode.arrays for episode in episodes]),
            attributes={
                name: np.array([episode.attributes[name] for episode in episodes]) for name in names
            },
        )

    def _write_arrays(self, form: Form, values: Sequence[Any]) -> Any:
        """Write headers with arrays; return their offsets in the scratch file `[k]`."""
        if form.data is None:
            return {
                name: self._write_arrays(inner, [value[name] for value in values])
                for name, inner in form.objects()
            }
        blocks = np.tile(form.content, (len(values), 1))
        blocks[:, form.data] = np.stack(values).reshape(len(values), -1).view(np.uint8)
        set_checksums(blocks)
        start = self._scratch.tell()
        self._scratch.write(blocks.data)
        return start + np.arange(len(blocks)) * blocks.shape[1]

    @property
    def ids(self) -> np.ndarray:
        """Ids of the episodes that need an empty group."""
        ids = [batch.attributes["id"] for batch in self._batches]
        return np.concatenate(ids) if ids else np.zeros(0, np.int64)

    def complete(self, output: Any, address: np.ndarray) -> None:
        """Complete a file that HDF5 has closed.

        Args:
            output: The file, open for reading and writing.
            address: `[E]`, offsets of the episodes' empty groups.

        Raises:
            OSError: If the scratch file cannot be read.
            ValueError: If the file has another version.
        """
        if not self._batches:
            return
        superblock = read_superblock(output)
        start = int(superblock[0, END_OFFSET : END_OFFSET + 8].view("<u8")[0])
        end = _End(output, start)
        self._scratch.seek(0)
        while piece := self._scratch.read(MAX_BYTES):
            end.append(np.frombuffer(piece, np.uint8)[None])
        for batch in self._batches:
            groups = _group_blocks(
                batch.form, _shifted(batch.offsets, start), batch.attributes, end
            )
            for place, block in zip(address[batch.attributes["id"]].tolist(), groups, strict=True):
                output.seek(place)
                output.write(block)
        set_addresses(superblock, END_OFFSET, np.array([end.address]))
        set_checksums(superblock)
        output.seek(0)
        output.write(superblock)


class _End:
    """End of a file, where blocks are appended."""

    def __init__(self, output: Any, address: int):
        self._output = output
        self.address = address

    def append(self, blocks: np.ndarray) -> np.ndarray:
        """Append blocks `[k, n]` uint8; return their addresses `[k]`."""
        first = self.address
        self._output.seek(first)
        self._output.write(blocks)
        self.address += blocks.size
        return first + np.arange(len(blocks)) * blocks.shape[1]


def _group_blocks(
    form: Form, address: dict[str, Any], attributes: dict[str, np.ndarray], end: _End
) -> np.ndarray:
    """Return blocks `[k, n]` of groups, after all that they refer to has been appended."""
    count = len(next(iter(attributes.values())))
    blocks = np.tile(form.content, (count, 1))
    for name, (offset, inner) in form.links.items():
        target = address[name]
        if isinstance(target, dict):
            target = end.append(_group_blocks(inner, target, attributes, end))
        set_addresses(blocks, offset, target)
    for offset, part in form.continuations:
        set_addresses(blocks, offset, end.append(_group_blocks(part, address, attributes, end)))
    for name, offset in form.attributes.items():
        set_addresses(blocks, offset, attributes[name])
    set_checksums(blocks)
    return blocks


def _shifted(offsets: Any, start: int) -> Any:
    if isinstance(offsets, dict):
        return {name: _shifted(inner, start) for name, inner in offsets.items()}
    return offsets + start


def read_superblock(output: Any) -> np.ndarray:
    """Return the superblock of a file, `[1, n]` uint8.

    Args:
        output: The file, open for reading.

    Raises:
        ValueError: If it has another version.
    """
    block = np.zeros((1, SUPERBLOCK_BYTES), np.uint8)
    output.seek(0)
    output.readinto(block)
    content = block.tobytes()
    is_known = content.startswith(SUPERBLOCK) and content[8] in SUPERBLOCK_VERSIONS
    if not is_known or stored_checksums(block)[0] != checksums(block)[0]:
        raise ValueError("the superblock has another version")
    return block
