"""Replay buffers in NumPy files: next observations, terminations, unmarked ends."""

from typing import Any

import numpy as np
import pytest

from dfplan.data.importers.columns import Columns
from dfplan.data.importers.formats import read_files
from dfplan.types import UserError

from .conftest import LENGTHS, coded, ends, flat

NEXT = coded(3) + 1
STOPS = np.cumsum(LENGTHS) - 1
MIDDLE = np.arange(sum(LENGTHS)) == STOPS[1]


@pytest.fixture
def read(tmp_path):
    def call(columns=Columns(), limit=None, **changes):
        path = tmp_path / "buffer.npz"
        arrays: Any = flat(**{"terminals": None, "next_observations": NEXT, **changes})
        np.savez(path, **arrays)
        return read_files("numpy", [path], columns, limit=limit)

    return call


@pytest.mark.parametrize(
    ("marks", "terminated", "unmarked"),
    [
        ({"terminals": ends()}, [True, True, True], False),
        ({"terminals": MIDDLE}, [False, True, False], True),
        ({"dones": ends()}, [False, False, False], False),
        ({"dones": ends(), "timeouts": MIDDLE}, [True, False, True], False),
        ({"episode_lengths": np.array(LENGTHS), "terminals": MIDDLE}, [False, True, False], False),
        ({}, [False, False, False], True),
    ],
    ids=["terminals", "one terminal", "dones", "dones and timeouts", "lengths", "no marks"],
)
def test_no_action_is_lost_and_terminations_are_kept(read, marks, terminated, unmarked):
    episodes = read(**marks)
    assert episodes.length.tolist() == list(LENGTHS)
    assert episodes.used.all()
    np.testing.assert_array_equal(episodes.final, NEXT[STOPS])
    assert episodes.terminated.tolist() == terminated
    notes = " ".join(episodes.notes)
    assert "left out" not in notes
    assert ("unmarked ends" in notes) == unmarked


def test_chosen_columns_have_their_own_next_observations(read):
    names = Columns(observations=("obs",), actions=("acts",), rewards="rews")
    columns = {"obs": coded(3), "next_obs": NEXT, "acts": coded(2), "rews": coded(1)[:, 0]}
    others = dict.fromkeys(("observations", "next_observations", "actions", "rewards"))
    episodes = read(names, **columns, **others, terminals=ends())
    assert episodes.used.all() and episodes.terminated.all()


def test_pieces_of_a_limited_length_keep_their_last_actions(read):
    episodes = read(limit=2, terminals=ends())
    assert episodes.length.tolist() == [2, 2, 2, 1, 2, 2, 1]
    np.testing.assert_array_equal(episodes.final, NEXT[np.cumsum(episodes.length) - 1])
    assert episodes.terminated.tolist() == [False, True, False, True, False, False, True]


@pytest.mark.parametrize("mark", ["timeouts", "dones", "episode_lengths", "episode_ends"])
def test_contradictions_are_ignored_where_all_ends_are_marked(read, mark):
    marks = {"episode_lengths": np.array(LENGTHS), "episode_ends": np.cumsum(LENGTHS)}
    episodes = read(next_observations=NEXT + 1, **{mark: marks.get(mark, ends())})
    assert episodes.final is None and episodes.length.tolist() == list(LENGTHS)
    assert any("next_observations are ignored" in note for note in episodes.notes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"next_observations": NEXT + 1}, ["row 0", "'timeouts' or 'dones'"]),
        ({"next_observations": NEXT[:, :2]}, ["2 numbers", "3"]),
        ({"next_observations": NEXT[:-1]}, ["11 rows", "12"]),
    ],
    ids=["shifted", "width", "rows"],
)
def test_unusable_next_observations_are_refused(read, changes, words):
    with pytest.raises(UserError) as caught:
        read(terminals=ends(), **changes)
    assert all(word in str(caught.value) for word in ["next_observations", *words])
