"""`dfplan dataset`: contents and problems of a dataset, and the list of local datasets."""

import json

import minari
import numpy as np
import pytest
from gymnasium import spaces
from minari.data_collector import EpisodeBuffer
from PIL import Image

NAME = "dfplan/pointmaze-umaze-v0"


def test_show(dfplan, run, place):
    outputs = ["--json", "deep/s.json", "--plot", "deep/s.png"]
    done = dfplan("dataset", "show", NAME, "--stride", 8, *outputs)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert "reading: 6,000 of 6,000, 0:00:00 left" in lines
    assert "episodes      6: 6 truncated" in lines
    assert "steps         6,000; 1,000 to 1,000, median 1,000 per episode" in lines
    (state,) = (line for line in lines if line.startswith("state "))
    assert "4 numbers; goal: dimensions 0, 1; " in state
    (tokens,) = (line for line in lines if line.startswith("tokens "))
    assert "4 numbers each at stride 8; windows of 32" in tokens
    (row,) = (line for line in lines if line.strip().startswith("action 1"))
    assert row.split()[2] == "-1" and row.split()[5] == "1"
    record = json.loads((place / "deep" / "s.json").read_text())
    assert (record["dataset_id"], record["steps"], record["stride"]) == (NAME, 6000, 8)
    assert record["layout"]["goal_dims"] == [0, 1] and len(record["state"]) == 4
    (warning,) = record["warnings"]
    assert f"warning: {warning}" in lines and "6,000" in warning
    with Image.open(place / "deep" / "s.png") as image:
        assert image.format == "PNG"


@pytest.fixture
def image_dataset(home):
    """A dataset that dfplan cannot train on."""
    space = spaces.Box(0, 255, (8, 8, 3), np.uint8)
    buffer = EpisodeBuffer(
        id=0,
        observations=space.sample()[None].repeat(4, axis=0),
        actions=np.zeros((3, 1), np.float32),
        rewards=np.zeros(3),
        terminations=np.zeros(3, bool),
        truncations=np.zeros(3, bool),
    )
    minari.create_dataset_from_buffers(
        "my/images-v0",
        buffer=[buffer],
        observation_space=space,
        action_space=spaces.Box(-1, 1, (1,)),
    )
    yield "my/images-v0"
    minari.delete_dataset("my/images-v0")


@pytest.mark.filterwarnings("ignore")
def test_show_a_dataset_that_dfplan_cannot_read(dfplan, image_dataset, place):
    done = dfplan("dataset", "show", image_dataset, "--json", "s.json", "--plot", "s.png")
    assert done.code == 0
    assert "episodes      1\n" in done.out
    assert "warning: " in done.out and "Box(0, 255, (8, 8, 3)" in done.out
    assert "wrote s.json" in done.out and "s.png" not in done.out
    assert not (place / "s.png").exists()
    assert json.loads((place / "s.json").read_text())["problem"]


@pytest.mark.filterwarnings("ignore")
def test_list(dfplan, run, image_dataset, home, place):
    damaged = home / "datasets" / image_dataset / "data" / "main_data.hdf5"
    assert damaged.exists()
    done = dfplan("dataset", "list", "--json", "l.json")
    rows = {words[0]: words[1:] for line in done.out.splitlines() if (words := line.split())}
    assert rows[NAME][:2] == ["6", "6,000"] and rows[image_dataset][:2] == ["1", "3"]
    records = {r["dataset"]: r for r in json.loads((place / "l.json").read_text())}
    assert (records[NAME]["episodes"], records[NAME]["steps"]) == (6, 6000)
    (damaged.parent / "metadata.json").write_text('{"dataset_id": "my/images-v0"}')
    done = dfplan("dataset", "list")
    assert done.code == 0 and "my/images-v0" in done.out
    (damaged.parent / "metadata.json").write_text("{}")


def test_list_without_datasets(dfplan, place, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(place))
    assert dfplan("dataset", "list").out.startswith("no local datasets")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["shw"], ["'shw'", "show, list"]),
        ([], ["show, list"]),
        (["show"], ["ID"]),
        (["show", "no-v0"], ["'no-v0'", NAME]),
        (["show", NAME, "--stride", 0], ["--stride", "0"]),
        (["show", NAME, "--plot", "x.pdf"], ["--plot x.pdf", ".png"]),
        (["show", NAME, "--goal-dims", 9, 1], ["9", "0 to 3"]),
        (["show", NAME, "--json", "."], ["cannot write ."]),
    ],
    ids=str,
)
def test_errors_name_the_value_and_the_choices(dfplan, run, args, words):
    done = dfplan("dataset", *args)
    assert done.code == 2 and done.err.count("\n") == 1
    for word in words:
        assert word in done.err
