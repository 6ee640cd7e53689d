"""The collectives of a compiled program, read from its text."""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

KINDS = ("all-gather", "all-reduce", "reduce-scatter", "all-to-all", "collective-permute")
INSTRUCTION = re.compile(rf"^\s*(?:ROOT )?%\S+ = (.*?) ({'|'.join(KINDS)})(?:-start)?\(", re.M)
ARRAY = re.compile(r"\b([a-z]\w*)\[([\d,]*)\]")
BITS = re.compile(r"\d+")


class Collective(NamedTuple):
    """One collective operation.

    Attributes:
        kind: One of `KINDS`.
        shapes: Shapes of its results on one device.
        size: Total size of the results in bytes.
    """

    kind: str
    shapes: tuple[tuple[int, ...], ...]
    size: int


def collectives(program: str) -> list[Collective]:
    """Return the collectives in the text of a compiled program (`compiled.as_text()`)."""
    operations = []
    for result, kind in INSTRUCTION.findall(program):
        arrays = [(dtype, _shape(dims)) for dtype, dims in ARRAY.findall(result)]
        size = sum(_item_size(dtype) * math.prod(shape) for dtype, shape in arrays)
        operations.append(Collective(kind, tuple(shape for _, shape in arrays), size))
    return operations


def by_kind(operations: Sequence[Collective]) -> dict[str, dict[str, int]]:
    """Return number, arrays and bytes of the collectives of each kind that occurs."""
    totals = {}
    for kind in KINDS:
        of_kind = [operation for operation in operations if operation.kind == kind]
        if of_kind:
            totals[kind] = {
                "operations": len(of_kind),
                "arrays": sum(len(operation.shapes) for operation in of_kind),
                "bytes": sum(operation.size for operation in of_kind),
            }
    return totals


def _shape(dims: str) -> tuple[int, ...]:
    return tuple(int(size) for size in dims.split(",") if size)


def _item_size(dtype: str) -> int:
    bits = BITS.search(dtype)
    return max(1, int(bits.group()) // 8) if bits else 1
