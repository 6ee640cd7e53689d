"""MOT Challenge's text files: boxes as positions, what is left out, refused input."""

import numpy as np
import pytest

from dfplan.data.importers.columns import Columns
from dfplan.data.importers.formats import read_files
from dfplan.types import UserError

RESULTS = """1,2,100,50,20,40,0.9,-1,-1,-1
1,-1,0,0,10,10,0.3,-1,-1,-1
2,2,110,52,20,40,0.9,-1,-1,-1
4,2,130,56,20,40,0.8,-1,-1,-1
5,2,140.5,58,20,40,0.8,-1,-1,-1
2,7,10,10,4,8,0.5,-1,-1,-1
3,7,12,10,4,8,0.5,-1,-1,-1
"""
GROUND_TRUTH = """1, 1, 10, 20, 4, 8, 1, 1, 0.86
2, 1, 12, 20, 4, 8, 1, 1, 0.85
3, 1, 14, 20, 4, 8, 0, 1, 0.85
1, 3, 0, 0, 400, 300, 0, 8, 1.0
"""


@pytest.fixture
def read(tmp_path):
    def call(text, **columns):
        path = tmp_path / "gt.txt"
        path.write_text(text)
        return read_files("mot", [path], Columns(**columns))

    return call


def test_positions_are_centers_and_tracks_split_where_frames_are_missing(read):
    rows = read(RESULTS)
    assert rows.length.tolist() == [2, 2, 2]
    expected = [[110, 70], [120, 72], [140, 76], [150.5, 78], [12, 14], [14, 14]]
    assert rows.observation.tolist() == expected
    assert any("id -1" in note and note.endswith(": 1") for note in rows.notes)


def test_boxes_and_feet_can_be_chosen(read):
    rows = read(RESULTS, observations=("x", "bottom", "width", "height"))
    np.testing.assert_array_equal(rows.observation[0], [110, 90, 20, 40])


def test_ground_truth_leaves_out_what_it_marks_as_ignored(read):
    rows = read(GROUND_TRUTH)
    assert rows.observation.tolist() == [[12, 24], [14, 24]]
    assert any("ignored" in note and note.endswith(": 2") for note in rows.notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        ("1,1,2\n", ["3 columns"]),
        ("1,1,1,1,1,oops,1\n", ["oops"]),
        ("1,1,1,1,1,1\n1,1,1,1,1\n", ["5"]),
        ("1.5,1,1,1,1,1,1\n", ["row 0", "frame is 1.5"]),
        ("1,-1,1,1,1,1,1\n2,-1,1,1,1,1,1\n", ["-1"]),
        ("1,1,1,1,1,1,1\n1,1,1,1,1,1,1\n", ["track 1", "time 1 twice"]),
        ("1,1,nan,1,1,1,1\n2,1,1,1,1,1,1\n", ["row 0", "nan"]),
    ],
)
def test_unsuitable_files_are_refused(read, text, words):
    with pytest.raises(UserError) as error:
        read(text)
    for word in ("gt.txt", *words):
        assert word in str(error.value)
