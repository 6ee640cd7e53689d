"""CSV files of tracks: order, gaps and refused input."""

import numpy as np
import pytest

from dfplan.data.importers.columns import Columns
from dfplan.data.importers.formats import read_files
from dfplan.types import UserError

TRACKS = """id,time,x,y,note
b,0.4,10,1,-
a,0.8,2,0,-
a,0.4,1,0,-
a,0.0,0,0,-
b,0.8,11,1,-
a,2.0,9,9,-
a,2.4,9,8,-
c,0.0,5,5,-
"""


@pytest.fixture
def read(tmp_path):
    def call(text, limit=None, **columns):
        path = tmp_path / "tracks.csv"
        path.write_text(text)
        return read_files("csv", [path], Columns(**columns), limit=limit)

    return call


def test_tracks_are_sorted_by_time_and_split_at_gaps(read):
    rows = read(TRACKS)
    assert rows.length.tolist() == [3, 2, 2]  # a, a after the gap, b; c has only one position
    assert rows.observation[:, 0].tolist() == [0, 1, 2, 9, 9, 10, 11]
    np.testing.assert_array_equal(rows.action[:2], [[1, 0], [1, 0]])
    assert rows.action[rows.used].tolist() == [[1, 0], [1, 0], [0, -1], [1, 0]]
    assert any("displacement" in note for note in rows.notes)


def test_limit_and_other_columns(read):
    text = "id,time,u\n" + "".join(f"1,{t},{t * t}\n" for t in range(6))
    rows = read(text, limit=3, observations=("u",))
    assert rows.length.tolist() == [3, 3]
    assert rows.observation[:, 0].tolist() == [0, 1, 4, 9, 16, 25]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,x,y\n1,0,0\n", "has no column 'time'; it has: id, x, y"),
        ("", "has no column 'id'; it has: none"),
        ("id,time,x,y\n", "has no rows below its column names"),
        ("id,time,x,y\n1,0,0,0\n1,1,oops,0\n", "line 3: x is 'oops'; needed: a finite number"),
        ("id,time,x,y\n1,0,0\n1,1,0,0\n", "line 2: y is None; needed: a finite number"),
        ("id,time,x,y\n1,0,0,0\n1,0,1,0\n", "track 1 is at time 0 twice"),
        ("id,time,x,y\n1,0,0,0\n1,1,1,0\n1,2.5,1,0\n", "from time 1 to 2.5; needed: equal steps"),
        ("id,time,x,y\n1,0,0,0\n2,1,1,0\n", "has no track with two rows"),
        ("id,time,x,y\n1,0,0,0\n1,1,nan,0\n", "line 3: x is 'nan'"),
    ],
)
def test_unsuitable_files_are_refused(read, text, says):
    with pytest.raises(UserError) as error:
        read(text)
    assert says in str(error.value) and "\n" not in str(error.value)


def test_a_header_with_other_names_says_how_to_name_them(read):
    with pytest.raises(UserError) as error:
        read("frame,track_id,px,py\n0,1,0,0\n1,1,1,0\n", observations=("px", "py"))
    words = ("'id'", "frame, track_id, px, py", "id and time", "--observations")
    assert all(word in str(error.value) for word in words)
    rows = read("time,id,px,py\n0,1,0,0\n1,1,1,0\n", observations=("px", "py"))
    assert rows.length.tolist() == [2]


def test_action_columns_are_refused(read):
    with pytest.raises(UserError, match="--observations"):
        read(TRACKS, actions=("x",))
