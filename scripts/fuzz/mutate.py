"""Damage to files, JSON values and arrays, drawn from a seeded generator."""

import copy
import math
from random import Random
from typing import Any

import numpy as np

LARGE = (0, 2**31, 2**32, 2**63 - 1, 2**64 - 1)
HOSTILE = (
    None,
    True,
    -1,
    0,
    1,
    3,
    2**31,
    2**63,
    10**30,
    -0.5,
    1e-300,
    1e38,
    1e308,
    math.nan,
    math.inf,
    "",
    "x",
    "../../outside",
    "\x1b[31m\n",
    "🤖" * 2000,
    "os:system",
    [],
    {},
    [[]],
    [1e9] * 50,
    {"a": {"b": [None]}},
)


def mutate_bytes(rng: Random, content: bytes) -> bytes:
    """Flip, overwrite, delete, insert or cut some bytes."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if not data:
            break
        i = rng.randrange(len(data))
        kind = rng.randrange(6)
        if kind == 0:
            data[i] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[i] = rng.choice((0, 127, 128, 255, rng.randrange(256)))
        elif kind == 2:
            del data[i : i + rng.randrange(1, 64)]
        elif kind == 3:
            data[i:i] = rng.randbytes(rng.randrange(1, 16))
        elif kind == 4:
            data[i : i + 8] = rng.choice(LARGE).to_bytes(8, "little")
        elif rng.random() < 0.3:
            del data[i:]
    return bytes(data)


def mutate_json(rng: Random, value: Any) -> Any:
    """Replace, delete, rename or add an entry anywhere in a JSON value."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        containers = list(_containers(value))
        if not containers:
            break
        container = rng.choice(containers)
        keys = list(container) if isinstance(container, dict) else list(range(len(container)))
        key = rng.choice(keys)
        kind = rng.randrange(5)
        if kind == 0:
            del container[key]
        elif kind == 1 and isinstance(container, dict):
            container[rng.choice(("", "x", "__class__", f"{key}2"))] = container.pop(key)
        else:
            container[key] = rng.choice(HOSTILE)
    return value


def mutate_arrays(rng: Random, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Delete, rename, reshape, cast or spoil an array."""
    arrays = dict(arrays)
    name = rng.choice(list(arrays))
    array = arrays.pop(name)
    kind = rng.randrange(6)
    if kind == 1:
        arrays[rng.choice(("", "x", f"{name}2", f"nets/{name}", "../x"))] = array
    elif kind == 2:
        arrays[name] = array.reshape(rng.choice(((-1,), (1, *array.shape), (*array.shape, 1))))
    elif kind == 3:
        arrays[name] = array.astype(rng.choice(("f2", "f8", "i1", "u8", "?", "c16", "S4", "M8[s]")))
    elif kind == 4:
        arrays[name] = array[..., :0] if rng.random() < 0.5 and array.ndim else array[()][None]
    elif kind == 5:
        arrays[name] = np.full_like(array, rng.choice((math.nan, math.inf, 1e38)))
    return arrays


def _containers(value: Any):
    if isinstance(value, dict | list):
        if value:
            yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from _containers(item)
