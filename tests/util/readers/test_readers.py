"""Readers of files: what is read, and that damage is one line with the file's name."""

import io
import json
import zipfile

import h5py
import numpy as np
import pytest

from dfplan.types import MAX_MESSAGE, UserError, listed
from dfplan.util.readers import (
    open_hdf5,
    open_parquet,
    read_json,
    read_npy,
    read_npz,
    reading,
)

ARRAY = np.arange(12, dtype=np.float32).reshape(4, 3)


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    """Return an NPY file with this header."""
    text = header.encode() + b"\n"
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + data


def header(shape: str, dtype: str = "<f4") -> str:
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}"


def rejected(path, read, *words) -> str:
    """Return the message with which a file is refused."""
    with pytest.raises(UserError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 700
    for word in (path.name, *words):
        assert word in message
    return message


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_holds_what_was_saved(tmp_path, save):
    values = {"a": ARRAY, "flags": np.array([True, False]), "deep/name": np.float64(3)}
    save(tmp_path / "x.npz", **values)
    arrays = read_npz(tmp_path / "x.npz")
    assert list(arrays) == list(values)
    for name, value in values.items():
        np.testing.assert_array_equal(arrays[name], value, strict=True)


DAMAGED_NPY = {
    "empty": (b"", []),
    "no magic": (b"text", []),
    "version": (npy(header("(4,)"), version=9), ["9"]),
    "terabytes": (npy(header("(1000000000000, 8)"), bytes(64)), ["32000000000000", "64"]),
    "overflow": (npy(header(f"({2**62}, {2**62})"), bytes(64)), ["64"]),
    "negative": (npy(header("(-4,)"), bytes(16)), ["-4"]),
    "negative pair": (npy(header("(-4, -1)"), bytes(16)), ["-4"]),
    "short": (npy(header("(4,)"), bytes(12)), ["16", "12"]),
    "long": (npy(header("(4,)"), bytes(20)), ["16", "20"]),
    "objects": (npy(header("(1,)", "|O"), b"\x80\x04N."), ["objects"]),
    "nested": (npy("(" * 9000), []),
    "attribute": (npy("{}.update.x"), []),
    "large header": (npy(header("(4,)") + " " * 60000, bytes(16)), []),
    "name": (npy(header("(n,)"), bytes(16)), []),
    "dtype": (npy(header("(4,)", "f4,(999999999,)f4"), bytes(16)), []),
}


@pytest.mark.parametrize("case", DAMAGED_NPY)
def test_damaged_npy_and_npz(tmp_path, case):
    content, words = DAMAGED_NPY[case]
    (tmp_path / "x.npy").write_bytes(content)
    rejected(tmp_path / "x.npy", read_npy, *words)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("a.npy", content)
    rejected(tmp_path / "x.npz", lambda path: read_npz(path)["a"], *words)


def test_npz_that_unpacks_to_far_more_than_its_size(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(10**6, np.uint8))
    assert not read_npz(tmp_path / "x.npz")["a"].any()
    monkeypatch.setattr("dfplan.util.readers.errors.FREE_BYTES", 1000)
    rejected(tmp_path / "x.npz", read_npz, "100 times")


@pytest.mark.parametrize("cut", [0.2, 0.9])
def test_truncated_npz(tmp_path, cut):
    buffer = io.BytesIO()
    np.savez(buffer, a=ARRAY)
    content = buffer.getvalue()
    (tmp_path / "x.npz").write_bytes(content[: int(cut * len(content))])
    rejected(tmp_path / "x.npz", read_npz)


def test_flipped_byte_of_an_npz_array(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, a=ARRAY)
    content = bytearray(buffer.getvalue())
    content[content.index(ARRAY.tobytes())] ^= 1
    (tmp_path / "x.npz").write_bytes(content)
    rejected(tmp_path / "x.npz", lambda path: read_npz(path)["a"], "CRC")


def read_hdf5(path, name="a"):
    with open_hdf5(path) as arrays:
        return arrays[name]


def test_hdf5_holds_what_was_saved(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"] = ARRAY
        file["infos/goal"] = np.arange(3)
        file["infos/text"] = "words"
        file["again"] = h5py.SoftLink("/a")
        file["infos/loop"] = file["infos"]
    with open_hdf5(tmp_path / "x.h5") as arrays:
        assert set(arrays) == {"a", "infos/goal", "infos/text"}
        np.testing.assert_array_equal(arrays["a"], ARRAY, strict=True)
        np.testing.assert_array_equal(arrays["infos/goal"], np.arange(3))
        rejected(tmp_path / "x.h5", lambda path: arrays["infos/text"], "infos/text")


def test_hdf5_that_claims_more_than_it_holds(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("a", (10**12,), "f8", chunks=(1000,))
        file.create_dataset("b", (10**9,), "f8")
    rejected(tmp_path / "x.h5", read_hdf5, "'a'", "8e+12")
    rejected(tmp_path / "x.h5", lambda path: read_hdf5(path, "b"), "'b'", "8e+09")


def test_hdf5_that_refers_to_other_files(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["a"] = ARRAY
    (tmp_path / "raw").write_bytes(ARRAY.tobytes())
    layout = h5py.VirtualLayout(ARRAY.shape, "f4")
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "a", ARRAY.shape)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["linked"] = h5py.ExternalLink("other.h5", "/a")
        file.create_virtual_dataset("virtual", layout)
        external = [(str(tmp_path / "raw"), 0, ARRAY.nbytes)]
        file.create_dataset("external", ARRAY.shape, "f4", external=external)
    with open_hdf5(tmp_path / "x.h5") as arrays:
        assert set(arrays) == {"virtual", "external"}
    for name in ("virtual", "external"):
        rejected(tmp_path / "x.h5", lambda path, name=name: read_hdf5(path, name), name)


def test_groups_nested_too_deep(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_group("/".join("g" * 40))
    rejected(tmp_path / "x.h5", read_hdf5, "32")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a": ' * 50_000, b"1" * 5000],
    ids=["empty", "cut", "list", "null", "bytes", "deep", "deep object", "digits"],
)
def test_damaged_json(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    rejected(tmp_path / "x.json", read_json)


def test_json_object(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({"a": [1, None, "é"]}))
    assert read_json(tmp_path / "x.json") == {"a": [1, None, "é"]}


def test_json_that_is_too_large(tmp_path, monkeypatch):
    (tmp_path / "x.json").write_text(json.dumps({"a": "b" * 100}))
    monkeypatch.setattr("dfplan.util.readers.json.MAX_BYTES", 50)
    rejected(tmp_path / "x.json", read_json, "50", "109")


def test_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": [1.0, 2.0]}), path)
    with open_parquet(path) as file:
        assert file.read(columns=["a"]).column(0).to_pylist() == [1.0, 2.0]
    path.write_bytes(path.read_bytes()[:-9])

    def read(path):
        with open_parquet(path) as file:
            return file.read()

    rejected(path, read)


@pytest.mark.parametrize("read", [read_json, read_npz, read_npy, read_hdf5])
def test_missing_file_and_folder(tmp_path, read):
    rejected(tmp_path / "none", read, "No such file")
    (tmp_path / "folder").mkdir()
    rejected(tmp_path / "folder", read)


@pytest.mark.parametrize("error", [RecursionError("deep"), MemoryError(), KeyError("k"), OSError()])
def test_any_failure_names_the_file(tmp_path, error):
    def fail(path):
        with reading(path, "XYZ"):
            raise error

    rejected(tmp_path / "f", fail, "XYZ")


def test_an_error_that_is_one_line_already_passes(tmp_path):
    with pytest.raises(UserError, match=r"^as it is$"), reading(tmp_path):
        raise UserError("as it is")


def test_names_in_a_file_fill_no_pages_and_send_no_escape_codes():
    names = [f"data/demo_{i}/obs/\x1b[31m\n" for i in range(5000)]
    for message in (f"it has {listed(names)}", f"it has {', '.join(names)}"):
        text = str(UserError(message))
        assert len(text) <= MAX_MESSAGE
        assert text.isprintable() and "demo_0/" in text
    assert "4970 more" in str(UserError(listed(names)))


def test_an_interrupt_passes(tmp_path):
    with pytest.raises(KeyboardInterrupt), reading(tmp_path):
        raise KeyboardInterrupt
