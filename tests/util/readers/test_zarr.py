"""Zarr groups: damage and false claims are one line, before memory is taken for them."""

import json

import numpy as np
import pytest
import tensorstore

from dfplan.types import UserError
from dfplan.util.readers import read_zarr

ARRAY = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def group(tmp_path):
    """A folder with one array, data/x."""
    path = tmp_path / "x.zarr"
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": str(path / "data" / "x")}}
    store = tensorstore.open(spec, create=True, dtype=ARRAY.dtype, shape=ARRAY.shape).result()
    store.write(ARRAY).result()
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    return path


def change(group, **values):
    file = group / "data" / "x" / ".zarray"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_arrays_are_read_by_path(group):
    arrays = read_zarr(group)
    assert list(arrays) == ["data/x"]
    np.testing.assert_array_equal(arrays["data/x"], ARRAY)
    with pytest.raises(KeyError):
        arrays["data/y"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"shape": [10**12, 3]}, ["1.2e+13 bytes"]),
        ({"shape": [10**12, 3], "chunks": [10**12, 3]}, ["1.2e+13 bytes"]),
        ({"chunks": [2, 3]}, []),
        ({"dtype": "|O"}, []),
        ({"compressor": {"id": "none-such"}}, []),
    ],
    ids=str,
)
def test_false_metadata_is_refused(group, values, words):
    change(group, **values)
    with pytest.raises(UserError) as error:
        read_zarr(group)["data/x"]
    message = str(error.value)
    assert "\n" not in message
    assert all(word in message for word in ("x.zarr", "data/x", *words))


@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 9])
def test_a_damaged_file_is_refused(group, content):
    (group / "data" / "x" / ".zarray").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.zarr.*data/x"):
        read_zarr(group)["data/x"]


def test_links_that_could_lead_out_are_refused(group, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (group / "data" / "x" / "9.0").symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match=r"x\.zarr.*data/x/9\.0.*link"):
        read_zarr(group)
