"""Gaps of tracks: the window around each, and the completed file."""

import numpy as np
import pytest

from dfplan.data.importers.columns import Columns
from dfplan.data.importers.track_table import sort_tracks
from dfplan.data.importers.tracks import read_table
from dfplan.forecast.track_gaps import csv_header, filled_csv, find_gaps


@pytest.fixture
def tracks(tmp_path):
    """Track a at times 0, 10, ..., 110 without 30 to 50 and 80; b at 0, 10, 40 and 50."""

    path = tmp_path / "tracks.csv"
    times = {"a": [0, 10, 20, 60, 70, 90, 100, 110], "b": [0, 10, 40, 50], "c": [0, 10, 500]}
    lines = [f"{id},{t},{t / 10},{-t / 10}" for id, ts in times.items() for t in ts]
    path.write_text("\n".join(["id,time,x,y", *lines]))
    return sort_tracks(read_table(path), Columns())


def test_windows_surround_gaps_as_far_as_tracks_reach(tracks):
    found = find_gaps(tracks, tokens=7)
    assert [(gap.track, gap.time, gap.length) for gap in found.gaps] == [
        ("a", 20, 3),
        ("a", 70, 1),
        ("b", 10, 2),
    ]
    assert found.too_long == 1
    states, known, valid = found.incomplete
    # The first window spans the steps 1 to 7 of track a, the second 5 to 11, the third all of b.
    assert [gap.first for gap in found.gaps] == [2, 3, 2]
    np.testing.assert_array_equal(known[0], [1, 1, 0, 0, 0, 1, 1])
    np.testing.assert_array_equal(states[0, known[0], 0], [1, 2, 6, 7])
    np.testing.assert_array_equal(known[1], [0, 1, 1, 0, 1, 1, 1])
    np.testing.assert_array_equal(known[2], [1, 1, 0, 0, 1, 1, 0])
    np.testing.assert_array_equal(valid[2], [1, 1, 1, 1, 1, 1, 0])
    assert valid[:2].all()


def test_the_completed_file_has_every_step_once(tracks):
    found = find_gaps(tracks, tokens=7)
    fills = [np.full((gap.length, 2), 5.0) + i for i, gap in enumerate(found.gaps)]
    intervals = [(fill - 1, fill + 1) for fill in fills]
    lines = filled_csv(tracks, found, fills, intervals).splitlines()
    assert csv_header(("x", "y")) == "id,time,x,y,filled,x_low,x_high,y_low,y_high\n"
    times = [line.split(",")[1] for line in lines if line.startswith("a,")]
    assert times == [str(10 * step) for step in range(12)]
    assert "a,20,2,-2,0,,,," in lines
    assert "a,30,5,5,1,4,6,4,6" in lines
    assert "b,20,7,7,1,6,8,6,8" in lines
    assert len(lines) == 12 + 6 + 3
