"""HDF5's object headers of version 2 and their checksums, in NumPy.

Source: HDF5 File Format Specification 3.0, sections II.A (superblock), IV.A.1.b (headers), IV.A.2.g
(links) and IV.A.2.m (attributes). The checksum is Jenkins' lookup3 (`hashlittle` in
burtleburtle.net/bob/c/lookup3.c).
"""

from typing import NamedTuple

import numpy as np

SIGNATURE = b"OHDR\x02"
CONTINUED = b"OCHK"
"""Signature of all blocks but the first one."""
PREFIX_BYTES = 6
"""Signature, version and flags."""
CHECKSUM_BYTES = 4
ADDRESS_BYTES = 8
LINK = 0x06
LAYOUT = 0x08
ATTRIBUTE = 0x0C
CONTINUATION = 0x10
COMPACT = 0
"""Layout of data that lie in the header itself."""


class Message(NamedTuple):
    """One message of a header.

    Attributes:
        kind: Type of the message.
        start: Offset of its content in the block.
        stop: Offset after its content.
    """

    kind: int
    start: int
    stop: int


class Block(NamedTuple):
    """A contiguous part of a header, which begins with a signature and ends with a checksum.

    Attributes:
        content: All of its bytes.
        has_order: Whether its messages have creation orders.
        first: Offset of the first message.
    """

    content: bytes
    has_order: bool
    first: int

    def messages(self) -> list[Message]:
        """Return the messages in the block.

        Raises:
            ValueError: If they do not fit into it.
        """
        start = self.first
        end = len(self.content) - CHECKSUM_BYTES
        prefix = 6 if self.has_order else 4
        result = []
        while start + prefix <= end:
            size = int.from_bytes(self.content[start + 1 : start + 3], "little")
            stop = start + prefix + size
            if stop > end:
                raise ValueError("a message does not fit into its header")
            result.append(Message(self.content[start], start + prefix, stop))
            start = stop
        return result


def first_block(data: np.ndarray, address: int) -> Block:
    """Return the first block of the header at an address of a file.

    Args:
        data: Bytes of the file, `[N]` uint8.
        address: Offset of the header.

    Raises:
        ValueError: If there is no whole header of version 2.
    """
    prefix = data[address : address + 64].tobytes()
    if not prefix.startswith(SIGNATURE) or len(prefix) < 64:
        raise ValueError(f"no object header of version 2 at {address}")
    flags = prefix[5]
    has_times = flags & 0b10_0000
    has_attribute_limits = flags & 0b1_0000
    start = PREFIX_BYTES + (16 if has_times else 0) + (4 if has_attribute_limits else 0)
    width = 1 << (flags & 0b11)
    size = int.from_bytes(prefix[start : start + width], "little")
    first = start + width
    content = _content(data, address, first + size + CHECKSUM_BYTES)
    return Block(content, bool(flags & 0b100), first)


def next_block(data: np.ndarray, block: Block, continuation: Message) -> tuple[int, Block]:
    """Return the address of the block that continues another one, and the block.

    Args:
        data: Bytes of the file, `[N]` uint8.
        block: Another block of the same header.
        continuation: Message in it that refers to the block.

    Raises:
        ValueError: If there is no whole block.
    """
    start = continuation.start
    middle = start + ADDRESS_BYTES
    address = int.from_bytes(block.content[start:middle], "little")
    size = int.from_bytes(block.content[middle : continuation.stop], "little")
    content = _content(data, address, size)
    if not content.startswith(CONTINUED):
        raise ValueError(f"no continuation of an object header at {address}")
    return address, Block(content, block.has_order, len(CONTINUED))


def _content(data: np.ndarray, address: int, size: int) -> bytes:
    content = data[address : address + size].tobytes()
    if len(content) < size:
        raise ValueError(f"the block at {address} is cut off")
    return content


def hard_link(content: bytes, link: Message) -> tuple[str, int]:
    """Return the name of a hard link, and the offset of its address in the block.

    Args:
        content: Bytes of the block.
        link: Message of the link.

    Raises:
        ValueError: If it is a link of another kind.
    """
    flags = content[link.start + 1]
    has_type = flags & 0b1000
    if has_type and content[link.start + 2] != 0:
        raise ValueError("a link that is no hard link")
    start = link.start + 2 + (1 if has_type else 0)
    start += (8 if flags & 0b100 else 0) + (1 if flags & 0b1_0000 else 0)
    width = 1 << (flags & 0b11)
    name_start = start + width
    name_stop = name_start + int.from_bytes(content[start:name_start], "little")
    if name_stop + ADDRESS_BYTES != link.stop:
        raise ValueError("a link of another size")
    return content[name_start:name_stop].decode(), name_stop


def attribute_name(content: bytes, attribute: Message) -> str:
    """Return the name of an attribute; empty if its message is not of version 3.

    Args:
        content: Bytes of the block.
        attribute: Message of the attribute.
    """
    if content[attribute.start] != 3:
        return ""
    size = int.from_bytes(content[attribute.start + 2 : attribute.start + 4], "little")
    return content[attribute.start + 9 : attribute.start + 8 + size].decode(errors="replace")


def addresses(blocks: np.ndarray, offset: int) -> np.ndarray:
    """Return the addresses `[k]` uint64 at an offset of blocks `[k, n]` uint8."""
    return np.ascontiguousarray(blocks[:, offset : offset + ADDRESS_BYTES]).view("<u8")[:, 0]


def set_addresses(blocks: np.ndarray, offset: int, values: np.ndarray) -> None:
    """Set 64-bit numbers `[k]`, such as addresses, at an offset of blocks `[k, n]` uint8."""
    stored = np.ascontiguousarray(values, "<u8").view(np.uint8)
    blocks[:, offset : offset + ADDRESS_BYTES] = stored.reshape(len(blocks), ADDRESS_BYTES)


def set_checksums(blocks: np.ndarray) -> None:
    """Set the checksums at the end of blocks `[k, n]` uint8."""
    stored = checksums(blocks).astype("<u4").view(np.uint8)
    blocks[:, -CHECKSUM_BYTES:] = stored.reshape(len(blocks), CHECKSUM_BYTES)


def stored_checksums(blocks: np.ndarray) -> np.ndarray:
    """Return the checksums `[k]` uint32 at the end of blocks `[k, n]` uint8."""
    return np.ascontiguousarray(blocks[:, -CHECKSUM_BYTES:]).view("<u4")[:, 0]


def checksums(blocks: np.ndarray) -> np.ndarray:
    """Compute the checksums `[k]` uint32 that blocks `[k, n]` uint8 should end with."""
    length = blocks.shape[1] - CHECKSUM_BYTES
    padded = np.zeros((len(blocks), -(-length // 12) * 12), np.uint8)
    padded[:, :length] = blocks[:, :length]
    words = np.ascontiguousarray(padded.view("<u4").T)  # each word of all blocks is one row
    state = np.full((3, len(blocks)), 0xDEADBEEF + length, np.uint32)
    a, b, c = state
    for first in range(0, len(words), 3):
        state += words[first : first + 3]
        if first + 3 < len(words):
            _mix(a, b, c)
    _finish(a, b, c)
    return c


def _rotate(x: np.ndarray, bits: int) -> np.ndarray:
    return (x << np.uint32(bits)) | (x >> np.uint32(32 - bits))


def _mix(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    """Apply lookup3's `mix` in place."""
    for x, y, z, bits in (
        (a, b, c, 4),
        (b, c, a, 6),
        (c, a, b, 8),
        (a, b, c, 16),
        (b, c, a, 19),
        (c, a, b, 4),
    ):
        x -= z
        x ^= _rotate(z, bits)
        z += y


def _finish(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    """Apply lookup3's `final` in place."""
    for x, y, bits in (
        (c, b, 14),
        (a, c, 11),
        (b, a, 25),
        (c, b, 16),
        (a, c, 4),
        (b, a, 14),
        (c, b, 24),
    ):
        x ^= y
        x -= _rotate(y, bits)
