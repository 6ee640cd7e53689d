import pickle

import msgpack
import numpy as np
import pytest

from dfplan.types import UserError
from dfplan.wire.codec import pack, unpack

ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.array(1.5),
    np.zeros((0, 3), np.int64),
    np.array([True, False]),
    np.array(["open", "the drawer"]),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(4, dtype=">i2")[::2],
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype.str}{array.shape}")
def test_arrays_survive(array):
    (copy,) = unpack(pack([array]))
    np.testing.assert_array_equal(copy, array)
    assert copy.dtype == array.dtype and copy.shape == array.shape


def test_nested_values_and_scalars_survive():
    value = {"a": [1, 2.5, None, "text", True], "b": {"c": np.float32(0.5)}}
    copy = unpack(pack(value))
    assert copy == value and copy["b"]["c"].dtype == np.float32


@pytest.mark.parametrize("array", ARRAYS[:5], ids=lambda array: f"{array.dtype.str}{array.shape}")
def test_openpi_reads_what_is_packed_and_packs_what_is_read(array):
    openpi = pytest.importorskip("openpi_client.msgpack_numpy")
    message = {"x": array, "n": np.int32(3)}
    for read in (openpi.unpackb(pack(message)), unpack(openpi.packb(message))):
        np.testing.assert_array_equal(read["x"], array)
        assert read["n"] == 3


@pytest.mark.parametrize("value", [object(), np.array([{}]), np.array([1j]), np.datetime64("now")])
def test_other_values_are_refused(value):
    with pytest.raises(UserError):
        pack({"x": value})


def scalar_map(data, dtype):
    return {b"__npgeneric__": True, b"data": data, b"dtype": dtype}


def array_map(**changes):
    fields = {"data": bytes(8), "dtype": "<f4", "shape": [2]} | changes
    return {b"__ndarray__": True} | {key.encode(): value for key, value in fields.items()}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (array_map(data=bytes(7)), "7 bytes"),
        (array_map(data=bytes(9)), "9 bytes"),
        (array_map(shape=[3]), "needed: 12"),
        (array_map(shape=[-2]), "-2"),
        (array_map(shape=[2**62, 4]), str(2**62)),
        (array_map(shape=[0, 2**62], data=b""), "too big"),
        (array_map(shape=[1] * 9, data=bytes(4)), "8 sizes"),
        (array_map(shape="2"), "'2'"),
        (array_map(dtype="|O"), "object"),
        (array_map(dtype="V8", shape=[1]), "V8"),
        (array_map(dtype="f4,f4", shape=[1]), "f4"),
        (array_map(dtype="no"), "no"),
        (array_map(dtype=4), "4"),
        (array_map(data="text"), "str"),
        ({b"__ndarray__": True}, "None"),
        (array_map(dtype="<U0", shape=[10**12], data=b""), str(10**12)),
        (scalar_map(1, "|O"), "object"),
        (scalar_map("x", "<f4"), "str"),
        (scalar_map([1.0, 2.0], "<f4"), "list"),
        (scalar_map(10**12, "|S1"), "int"),
        (scalar_map(2**63, "|u1"), "too large"),
        ({1: 2}, "int"),
    ],
)
def test_malformed_arrays_are_refused(value, shown):
    with pytest.raises(UserError, match=shown):
        unpack(msgpack.packb({"observation": value}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        pack({"a": 1})[:-1],
        pack({"a": 1}) + b"\x00",
        pickle.dumps({"a": 1}),
        b"\x91" * 100_000,
        b"\x81" * 100_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xa2\xff\xfe",
        b"\xc7\x0d\xff" + b"\xff" * 12,  # a timestamp that is cut off
    ],
    ids=lambda data: repr(data[:6]),
)
def test_bytes_that_are_no_message_are_refused(data):
    with pytest.raises(UserError):
        unpack(data)


@pytest.mark.parametrize("seed", range(50))
def test_a_corrupted_message_is_read_or_refused(seed):
    rng = np.random.default_rng(seed)
    data = bytearray(pack({"observation": np.arange(4.0), "goal": [1.0, 2.0], "seed": 3}))
    for _ in range(20):
        corrupted = data.copy()
        for place in rng.integers(len(data), size=3):
            corrupted[place] = rng.integers(256)
        try:
            unpack(bytes(corrupted))
        except UserError:
            continue
