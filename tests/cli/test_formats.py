"""`dfplan import` recognizes formats, imports splits, and says which formats there are."""

import json

import h5py
import numpy as np
import pytest


@pytest.fixture
def files(place):
    (place / "walks.txt").write_text("".join(f"{10 * t} 1 {t} {t}\n" for t in range(9)))
    with h5py.File(place / "lift.hdf5", "w") as file:
        for i in range(3):
            for name in ("actions", "obs/object"):
                file[f"data/demo_{i}/{name}"] = np.full((5, 2), float(i))
        file["mask/train"] = np.array([b"demo_0", b"demo_2"])
    (place / "notes.txt").write_text("hello\n")
    return place


@pytest.mark.parametrize("named", [[], ["eth_ucy"]], ids=["recognized", "named"])
def test_the_format_may_be_left_out(dfplan, files, named):
    id = f"formats/walks{len(named)}-v0"
    done = dfplan("import", *named, "walks.txt", "--dataset", id, "--json", "i.json")
    assert (done.code, done.err) == (0, "")
    assert ("format: eth_ucy" in done.out) == (not named)
    record = json.loads((files / "i.json").read_text())
    assert (record["format"], record["episodes"], record["steps"]) == ("eth_ucy", 1, 8)


def test_a_split_is_imported(dfplan, files):
    done = dfplan("import", "lift.hdf5", "--split", "train", "--dataset", "formats/lift-v0")
    assert done.code == 0 and "formats/lift-v0: 2 episodes" in done.out


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["walks.txt", "--split", "train"], ["walks.txt", "--split train"]),
        (["lift.hdf5", "--split", "test"], ["'test'", "train"]),
        (["notes.txt"], ["notes.txt", "d4rl, ogbench", "ultralytics"]),
        (["rosbag", "walks.txt"], ["'rosbag'", "d4rl, ogbench", "ultralytics"]),
        (["walks.txt", "lift.hdf5"], ["walks.txt (eth_ucy)", "lift.hdf5 (robomimic)"]),
        (["walks.txt", "gone.txt"], ["gone.txt"]),
        (["mot"], ["file"]),
        ([], ["file"]),
    ],
    ids=str,
)
def test_errors_name_the_file_and_the_formats(dfplan, files, args, words):
    done = dfplan("import", *args, "--dataset", "formats/none-v0")
    assert done.code == 2 and done.err.count("\n") == 1
    assert all(word in done.err for word in words)
