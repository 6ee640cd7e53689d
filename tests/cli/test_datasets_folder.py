"""Commands on a folder of datasets that cannot be used, or that another process writes to."""

import os

import numpy as np
import pytest

from dfplan.data.store.write import new_dataset

PENDULUM = ["collect", "--env", "Pendulum-v1", "--steps", "20", "--dataset"]
IMPORT = ["import", "numpy", "walk.npz", "--dataset"]
COMMANDS = {
    "list": ["dataset", "list"],
    "show": ["dataset", "show", "my/x-v0"],
    "collect": [*PENDULUM, "my/x-v0"],
    "import": [*IMPORT, "my/x-v0"],
    "train": ["train", "--env", "Pendulum-v1", "--dataset", "my/x-v0", "--out", "new"],
}


@pytest.fixture
def walk(place):
    walk = np.cumsum(np.ones((50, 3)), axis=0)
    np.savez("walk.npz", observations=walk, actions=walk[:, :1])
    return place


def one_line(done, *words) -> None:
    errors = [line for line in done.err.splitlines() if line.startswith("dfplan: ")]
    assert done.code == 2 and len(errors) == 1 and "Traceback" not in done.err
    assert all(word in errors[0] for word in words)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("root", ["", "walk.npz", "/proc/nowhere"])
def test_a_folder_that_cannot_be_used(dfplan, walk, monkeypatch, command, root):
    monkeypatch.setenv("MINARI_DATASETS_PATH", root)
    one_line(dfplan(*COMMANDS[command]), "MINARI_DATASETS_PATH", root)
    assert os.listdir() == ["walk.npz"]


def test_a_relative_folder(dfplan, walk, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", "data/sets")
    assert dfplan(*COMMANDS["collect"]).code == 0
    assert dfplan(*IMPORT, "my/y-v0", "--episode-steps", 10).code == 0
    listed = dfplan("dataset", "list")
    assert "my/x-v0" in listed.out and "my/y-v0" in listed.out
    assert dfplan(*COMMANDS["show"]).code == 0
    assert sorted(os.listdir("data/sets/my")) == ["namespace_metadata.json", "x-v0", "y-v0"]


@pytest.mark.parametrize("command", ["collect", "import"])
def test_a_second_writer_of_an_id_is_refused_and_harms_nothing(dfplan, walk, monkeypatch, command):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(walk))
    with new_dataset("my/x-v0") as data:
        (data / "first").touch()
        one_line(dfplan(*COMMANDS[command]), "my/x-v0", "another process")
    one_line(dfplan(*COMMANDS[command]), "'my/x-v0'", "exists")
    assert (walk / "my" / "x-v0" / "data" / "first").exists()
