"""Ultralytics' label files of tracks, and its results in memory."""

import types

import numpy as np
import pytest

from dfplan.data.importers.columns import Columns
from dfplan.data.importers.formats import read_files
from dfplan.data.importers.ultralytics import read_results
from dfplan.types import UserError


@pytest.fixture
def folder(tmp_path):
    """A function that writes label files, named after frames, as `track` with `save_txt` does."""

    def write(files):
        (tmp_path / "track" / "labels").mkdir(parents=True, exist_ok=True)
        for name, lines in files.items():
            text = "".join(f"{line}\n" for line in lines)
            (tmp_path / "track" / "labels" / f"{name}.txt").write_text(text)
        return tmp_path / "track"

    return write


def read(path, **columns):
    return read_files("ultralytics", [path], Columns(**columns))


@pytest.mark.parametrize("confidence", [[], ["0.91"]], ids=["plain", "save_conf"])
def test_a_file_per_frame_and_a_line_per_box(folder, confidence):
    def line(x, *id):
        return " ".join(["0", str(x), "0.5", "0.1", "0.2", *confidence, *id])

    files = {"walk_9": [line(0.1, "1")], "walk_10": [line(0.2, "1"), line(0.7)]}
    files |= {"walk_12": [line(0.4, "1"), line(0.8, "2")], "walk_13": [line(0.5, "1")]}
    rows = read(folder(files))
    assert rows.length.tolist() == [2, 2]
    assert rows.observation[:, 0].tolist() == [0.1, 0.2, 0.4, 0.5]
    assert any("without a track" in note and note.endswith(": 1") for note in rows.notes)
    assert any("fractions of the image" in note for note in rows.notes)
    boxes = read(folder(files), observations=("x", "y", "width", "height", "class"))
    assert boxes.observation[0].tolist() == [0.1, 0.5, 0.1, 0.2, 0]


def test_large_ids_that_differ_in_their_last_digit_are_two_tracks(folder):
    lines = [f"0 0.{x} 0.5 1 1 {id}" for x, id in ((1, 1234567), (8, 1234568))]
    rows = read(folder({f"a_{i}": lines for i in (1, 2)}))
    assert rows.observation[:, 0].tolist() == [0.1, 0.1, 0.8, 0.8]


def test_the_same_id_in_two_videos_is_two_tracks(folder):
    path = folder(
        {f"{v}_{i}": [f"0 0.{i} {y} 1 1 1"] for v, y in (("a", 0), ("b", 1)) for i in (1, 2)}
    )
    assert read(path).observation.tolist() == [[0.1, 0], [0.2, 0], [0.1, 1], [0.2, 1]]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, ["labels/NAME_1.txt"]),
        ({"a_1": ["0 0.1 0.5 0.1 0.2"]}, ["track, not predict"]),
        ({"a_1": ["0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 1"]}, ["a_1.txt", "'0 0.1 0.2"]),
        ({"a_1": ["0 x 0.2 0.3 0.4 1"]}, ["a_1.txt", "'0 x"]),
        ({"a_1": ["0 1 1 1 1 1"] * 2}, ["track 1", "twice"]),
    ],
    ids=str,
)
def test_unsuitable_folders_are_refused(folder, files, words):
    with pytest.raises(UserError) as error:
        read(folder(files))
    for word in words:
        assert word in str(error.value)


class Tensor:
    """A tensor on a device: it becomes an array only after `cpu`."""

    def __init__(self, values):
        self._values = np.array(values, np.float32)

    def cpu(self):
        return self._values


class Boxes:
    """The attributes of `ultralytics.engine.results.Boxes` that are used."""

    def __init__(self, xywh, id):
        self.xywh = Tensor(xywh)
        self.cls = Tensor(np.zeros(len(xywh)))
        self.id = None if id is None else Tensor(id)

    def __len__(self):
        return len(self.cls.cpu())


def results(*boxes):
    return [types.SimpleNamespace(boxes=box, obb=None) for box in boxes]


def test_results_in_memory_are_read_in_pixels():
    frames = results(
        Boxes([[100, 50, 20, 40], [7, 7, 1, 1]], [1, 2]),
        Boxes([[110, 50, 20, 40]], [1]),
        Boxes(np.zeros((0, 4)), None),
        Boxes([[5, 5, 1, 1]], None),
    )
    rows = read_results(iter(frames))
    assert rows.observation.tolist() == [[100, 50], [110, 50]]
    assert read_results(frames, Columns(observations=("width",))).observation.tolist() == [
        [20],
        [20],
    ]


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        (results(Boxes([[1, 1, 1, 1]], None)), "track, not predict"),
        (["no"], "result 0 is a str"),
        (results(None), "without boxes"),
    ],
)
def test_results_without_tracks_are_refused(frames, says):
    with pytest.raises(UserError, match=says):
        read_results(frames)
