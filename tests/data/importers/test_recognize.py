"""The format of a file is told by its content."""

import json

import h5py
import numpy as np
import pytest

from dfplan.data.importers.formats import IMPORTERS
from dfplan.data.importers.recognize import RECOGNIZERS, recognize
from dfplan.types import UserError

TEXTS = {
    "csv": "\ufeffid,time,x,y\n1,0,0,0\n",
    "mot": "1,1,10,20,4,8,1,-1,-1,-1\n",
    "eth_ucy": "780\t1\t8.4\t3.5\n",
}


def write(path, name):
    """Write a small file or folder of a format."""
    if name in TEXTS:
        path.write_text(TEXTS[name], encoding="utf-8")
    elif name == "lerobot":
        (path / "meta").mkdir(parents=True)
        (path / "meta" / "info.json").write_text("{}")
    elif name == "diffusion_policy":
        path.mkdir()
        (path / ".zgroup").write_text(json.dumps({"zarr_format": 2}))
    elif name == "ultralytics":
        (path / "labels").mkdir(parents=True)
        (path / "labels" / "walk_1.txt").write_text("0 0.5 0.5 0.1 0.1 1\n")
    elif name in ("robomimic", "d4rl"):
        with h5py.File(path, "w") as file:
            file["data/demo_0/actions" if name == "robomimic" else "actions"] = np.zeros(3)
    else:
        names = ["observations", "actions", "terminals", "qpos", "qvel"]
        arrays = dict.fromkeys(names[: 5 if name == "ogbench" else 3], np.zeros(3))
        with path.open("wb") as file:
            np.savez(file, **arrays)


def test_every_format_is_recognized(tmp_path):
    for name in IMPORTERS.names():
        path = tmp_path / (f"{name}.npz" if name == "numpy" else name)
        write(path, name)
        assert recognize([path]) == name


def test_only_formats_that_can_be_read_are_recognized():
    assert set(RECOGNIZERS.names()) <= set(IMPORTERS.names())


@pytest.mark.parametrize("content", [b"", b"frame,track_id\n", b"PK\x03\x04", b"\xff\xfe"])
def test_other_files_are_refused_with_the_formats(tmp_path, content):
    (tmp_path / "x.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.bin.*d4rl, .*ultralytics .*id, time, x, y"):
        recognize([tmp_path / "x.bin"])


def test_files_of_different_formats_are_refused(tmp_path):
    for name in ("csv", "mot"):
        write(tmp_path / name, name)
    with pytest.raises(UserError, match=r"csv.*mot"):
        recognize([tmp_path / "csv", tmp_path / "mot"])
