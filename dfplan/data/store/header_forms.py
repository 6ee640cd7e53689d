"""Forms: what the headers of an object have in common in all episodes of equal shapes.

The arrays of a short episode lie in object headers. In episodes of equal shapes, these are equal
byte for byte but for the numbers, addresses, attributes and checksums. A form is learned from one
episode that HDF5 has read or written; others are then read and written without it.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

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
    attribute_name,
    checksums,
    first_block,
    hard_link,
    next_block,
    stored_checksums,
)

ATTRIBUTE_BYTES = 8
"""Bytes of an attribute that is a 64-bit integer."""


@dataclasses.dataclass(frozen=True)
class Form:
    """What a block of a header has in common in all episodes of equal shapes.

    Attributes:
        address: Offset of the first such block in the file.
        content: `[n]` uint8, its bytes.
        varies: `[n]` bool, bytes that may differ.
        links: For a group, the needed objects by name: offset of the address, and form there.
        continuations: Further blocks of the header: offset of the address, and form there.
        attributes: Offsets of the values of 64-bit attributes by name.
        data: For an array, its bytes in the block; None for a group.
        dtype: Type of the array.
        shape: Shape of the array.
    """

    address: int
    content: np.ndarray
    varies: np.ndarray
    links: dict[str, tuple[int, "Form"]] = dataclasses.field(default_factory=dict)
    continuations: tuple[tuple[int, "Form"], ...] = ()
    attributes: dict[str, int] = dataclasses.field(default_factory=dict)
    data: slice | None = None
    dtype: np.dtype = np.dtype(np.uint8)
    shape: tuple[int, ...] = ()

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        if self.data is not None:
            return self.data.stop - self.data.start
        return sum(form.nbytes for _, form in (*self.links.values(), *self.continuations))

    def objects(self) -> Iterator[tuple[str, "Form"]]:
        """Yield the names and forms of a group's objects, in all blocks of its header."""
        for name, (_, form) in self.links.items():
            yield name, form
        for _, form in self.continuations:
            yield from form.objects()

    def all_attributes(self) -> Iterator[str]:
        """Yield the names of a group's attributes, in all blocks of its header."""
        yield from self.attributes
        for _, form in self.continuations:
            yield from form.all_attributes()

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
            inner, object_address = form.locate(file, form._follow(blocks, offset, matches), name)
            if object_address is not None:
                return matches & inner, object_address
        return matches, None

    def _find(self, file: np.ndarray, address: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return blocks `[k, n]` at these addresses, and `[k]` bool which have this form."""
        size = len(self.content)
        inside = address <= np.uint64(max(len(file) - size, 0))
        blocks = windows(file, np.where(inside, address, self.address), size)
        equal = ((blocks == self.content) | self.varies).all(axis=1)
        return blocks, inside & equal & (stored_checksums(blocks) == checksums(blocks))

    def _follow(self, blocks: np.ndarray, offset: int, matches: np.ndarray) -> np.ndarray:
        """Return the addresses of blocks of this form; the first one's where nothing matches."""
        return np.where(matches, addresses(blocks, offset), np.uint64(self.address))


def windows(file: np.ndarray, start: np.ndarray, size: int) -> np.ndarray:
    """Return `size` bytes from each of these offsets `[k]`, `[k, size]`."""
    return np.lib.stride_tricks.sliding_window_view(file, size)[start.astype(np.int64)]


def learn(file: np.ndarray, address: int, value: Any) -> Form:
    """Return the form of an object that HDF5 has read or written.

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
    missing = set(value) - {name for name, _ in form.objects()}
    if missing:
        raise ValueError(f"no links {missing} in the header")
    return form


def _learn_array(block: Block, address: int, array: np.ndarray) -> Form:
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


def _learn_group(file: np.ndarray, block: Block, address: int, values: dict[str, Any]) -> Form:
    """Return the form of a block of a group's header, with those links in it that are needed."""
    links = {}
    continuations = []
    attributes = {}
    varies = []
    for message in block.messages():
        if message.kind == ATTRIBUTE:
            attributes[attribute_name(block.content, message)] = message.stop - ATTRIBUTE_BYTES
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
                links[name] = (offset, learn(file, inner, values[name]))
    form = _form(block, address, varies)
    return dataclasses.replace(
        form, links=links, continuations=tuple(continuations), attributes=attributes
    )


def _form(block: Block, address: int, varies: Sequence[slice]) -> Form:
    content = np.frombuffer(block.content, np.uint8)
    mask = np.zeros(len(content), bool)
    for part in (*varies, slice(-CHECKSUM_BYTES, None)):
        mask[part] = True
    return Form(address, content, mask)
