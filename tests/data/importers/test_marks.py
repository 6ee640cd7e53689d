"""NumPy files: where episodes end, under each of the known names; tracks: what is left out."""

import numpy as np
import pytest

from dfplan.data.importers.columns import Columns
from dfplan.data.importers.formats import read_files
from dfplan.types import UserError

from .conftest import LENGTHS, coded, ends, flat


@pytest.fixture
def read(tmp_path):
    def call(limit=None, **changes):
        path = tmp_path / "file.npz"
        np.savez(path, **flat(terminals=None, **changes))
        return read_files("numpy", [path], limit=limit)

    return call


@pytest.mark.parametrize(
    "marks",
    [
        {"dones": ends()},
        {"dones": ends().astype(np.uint8)},
        {"dones": np.where(ends(), "True", "False")},
        {"episode_ends": np.cumsum(LENGTHS)},
        {"episode_ends": np.cumsum(LENGTHS).astype(float)},
        {"episode_lengths": np.array(LENGTHS), "episode_returns": np.zeros(3)},
        {"timeouts": ends()},
    ],
    ids=["dones", "uint8", "words", "ends", "float-ends", "lengths", "timeouts"],
)
def test_each_mark_splits_the_rows(read, marks):
    episodes = read(**marks)
    assert episodes.length.tolist() == list(LENGTHS)
    assert any("dones" in note for note in episodes.notes) == ("dones" in marks)


def test_dones_do_not_terminate_and_terminals_beside_them_do(read, tmp_path):
    path = tmp_path / "both.npz"
    observations = coded(3, lengths=[n + 1 for n in LENGTHS])
    terminals = ends()
    terminals[3] = False
    np.savez(path, **flat(observations=observations, dones=ends(), terminals=terminals))
    assert read_files("numpy", [path]).terminated.tolist() == [False, True, True]
    assert not read(observations=observations, dones=ends()).terminated.any()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([4, 7], "end at 7"),
        ([4, 4, 12], "end at 12"),
        ([4, 7, 13], "end at 13"),
        ([4, 7.5, 12], ""),
    ],
)
def test_ends_that_do_not_fit_are_refused(read, values, says):
    with pytest.raises(UserError) as caught:
        read(episode_ends=np.array(values))
    assert "'episode_ends'" in str(caught.value) and says in str(caught.value)


@pytest.mark.parametrize("name", ["is_last", "episode_id", "truncations", "Done"])
def test_a_mark_of_an_unknown_name_is_refused_with_the_known_ones(read, name):
    with pytest.raises(UserError) as caught:
        read(**{name: ends()})
    message = str(caught.value)
    assert all(text in message for text in (repr(name), "terminals", "dones", "episode_ends"))
    assert read(limit=4, **{name: ends()}).length.tolist() == [4, 4, 4]


def test_known_marks_that_mark_nothing_do_not_hide_an_unknown_one(read):
    with pytest.raises(UserError, match="'traj_id'"):
        read(timeouts=np.zeros(len(ends()), bool), traj_id=ends())


def test_columns_that_mark_nothing_are_left_out(read):
    notes = read(end_effector=coded(1)).notes
    assert any("--episode-steps" in note for note in notes)
    assert any("end_effector" in note for note in notes)


@pytest.fixture
def tracks(tmp_path):
    def call(text, encoding="utf-8"):
        path = tmp_path / "tracks.csv"
        path.write_bytes(text.encode(encoding))
        return read_files("csv", [path], Columns())

    return call


TRACKS = "id,time,x,y\na,0,0,0\na,1,1,0\nb,5,3,3\na,7,9,9\n"


def test_a_byte_order_mark_is_no_part_of_a_name(tracks):
    assert tracks(TRACKS, "utf-8-sig").length.tolist() == [2]


def test_rows_without_a_neighbor_are_counted(tracks):
    (note,) = [note for note in tracks(TRACKS).notes if "rows left out" in note]
    assert note.endswith(": 2")


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", ""])
@pytest.mark.parametrize("column", [1, 2])
def test_a_number_that_is_not_finite_is_refused_by_line(tracks, column, value):
    rows = [line.split(",") for line in TRACKS.splitlines()]
    rows[2][column] = value
    with pytest.raises(UserError) as caught:
        tracks("\n".join([",".join(rows[0]), "", *map(",".join, rows[1:])]))
    assert f"line 4: {rows[0][column]} is '{value}'" in str(caught.value)


@pytest.mark.parametrize("name", ["dones", "terminals", "timeouts"])
def test_an_inverted_column_is_refused(npz, refusal, name):
    continues = np.arange(60) % 20 != 19
    zeros = {name: np.zeros((60, size)) for name, size in (("observations", 3), ("actions", 2))}
    message = refusal(
        "numpy", npz(**{**zeros, "rewards": None, "terminals": None, name: continues})
    )
    assert repr(name) in message and "57 of 60 rows" in message
