"""The walkers of the gap experiment, and its table."""

import numpy as np

from experiments.gaps.run import gap_table
from experiments.gaps.tracks import PLAZA, STEP, plaza_tracks, write_csv


def test_walkers_cross_the_plaza_at_a_walking_speed(tmp_path):
    tracks = plaza_tracks(20, seed=0)
    assert len(tracks) == 20
    for track in tracks:
        start = track[0]
        assert min(np.abs(start).min(), np.abs(PLAZA - start).min()) < 0.2  # on an edge
        speed = np.linalg.norm(np.diff(track, axis=0), axis=1) / STEP
        assert 0.4 < np.median(speed) < 2.2
    again = plaza_tracks(20, seed=0)
    np.testing.assert_array_equal(tracks[7], again[7])
    write_csv(tmp_path / "t.csv", tracks)
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 1 + sum(map(len, tracks))


def test_the_table_has_a_row_per_gap_and_method():
    mean = {"mean": 0.5, "ci_low": 0.4, "ci_high": 0.6}
    measured = {
        "diffusion": {"error": mean, "coverage_90%": mean},
        "straight line": {"error": mean},
    }
    text = gap_table({4: measured, 8: measured})
    assert text.count("0.500 (0.400 to 0.600)") == 4
    assert "| 8 | straight line | 0.500 (0.400 to 0.600) | – |" in text
