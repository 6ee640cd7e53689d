"""Reading shards: any rows, across files, and damaged files."""

import json
import os
import time

import numpy as np
import pytest

from dfplan.data.shards.layout import MANIFEST, Choices, is_shards
from dfplan.data.shards.mapped import MappedRows
from dfplan.data.shards.open import choices_of, open_shards
from dfplan.data.shards.read import ShardedTrajectories
from dfplan.data.shards.write import write_shards
from dfplan.types import UserError

from .conftest import make_dataset


@pytest.fixture
def shards(home):
    name = make_dataset("my/walks-v0")
    write_shards(name, home / "out", shards=3, choices=Choices(goal_dims=(0, 1)))
    return home / "out"


def test_rows_of_several_files(tmp_path):
    rows = np.arange(60, dtype=np.float32).reshape(20, 3)
    for i, part in enumerate(np.split(rows, [7, 8])):
        np.save(tmp_path / f"{i}.npy", part)
    mapped = MappedRows([tmp_path / f"{i}.npy" for i in range(3)])
    wanted = np.array([[19, 0, 7], [6, 8, 8]])
    np.testing.assert_array_equal(mapped.take(wanted), rows[wanted])
    assert len(mapped) == 20 and mapped.rows == [7, 1, 12]
    mapped.release()
    np.testing.assert_array_equal(np.concatenate(list(mapped.blocks())), rows)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-4])


DAMAGE = {
    "no JSON": (MANIFEST, lambda path: path.write_text("{")),
    "no object": (MANIFEST, lambda path: path.write_text("[]")),
    "another version": (MANIFEST, lambda path: path.write_text(json.dumps({"format": 2}))),
    "no manifest": (MANIFEST, lambda path: path.unlink()),
    "short lengths": ("length.npy", truncate),
    "no grid": ("grid.npy", lambda path: path.unlink()),
    "short states": ("shard-00001/state.npy", truncate),
    "few actions": (
        "shard-00001/action.npy",
        lambda path: np.save(path, np.zeros((1, 2), np.float32)),
    ),
    "float64 states": ("shard-00001/state.npy", lambda path: np.save(path, np.zeros((21, 3)))),
    "no states": ("shard-00002/state.npy", lambda path: path.unlink()),
}


@pytest.mark.parametrize(("file", "damage"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_reported_in_one_line(shards, file, damage):
    damage(shards / file)
    with pytest.raises(UserError) as error:
        ShardedTrajectories(shards)
    assert str(shards) in str(error.value) and "\n" not in str(error.value)


def test_other_numbers_in_a_shard_are_not_loaded(shards):
    path = shards / "shard-00001" / "state.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="shard-00001"):
        ShardedTrajectories(shards).load()


def test_shards_of_a_dataset_are_written_once_and_found_by_their_layout(home, monkeypatch):
    name = make_dataset("my/walks-v0")
    choices = Choices(goal_dims=(0, 1))
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    data = open_shards(name, choices)
    assert data.dataset_id == name and is_shards(str(data.directory))
    written = []
    for again in (choices, choices_of(data.layout)):
        assert open_shards(name, again, written.append).directory == data.directory
    other = open_shards(name, Choices())
    assert other.directory != data.directory and other.layout.goal_dims == () and not written


def test_shards_of_a_dataset_that_has_changed_are_not_read(home, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    name = make_dataset("my/walks-v0")
    data = open_shards(name, Choices())
    file = next((data.directory.parent / "data").rglob("*.hdf5"))
    os.utime(file, times=(0, time.time() + 1))
    with pytest.raises(UserError, match=f"(?s)my/walks-v0.*{data.directory}"):
        open_shards(name, Choices())


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (Choices(goal_dims=(1,)), ("goal_dims", "[0, 1]", "[1]")),
        (Choices(goal_value=(0.0, 1.0)), ("goal_value", "[]", "[0.0, 1.0]")),
        (Choices(origin=(1.0, 0.0, 0.0)), ("origin", "[]", "[1.0, 0.0, 0.0]")),
    ],
)
def test_a_directory_must_have_the_chosen_layout(shards, choices, words):
    assert open_shards(str(shards), Choices()).layout.goal_dims == (0, 1)
    with pytest.raises(UserError) as error:
        open_shards(str(shards), choices)
    assert all(word in str(error.value) for word in words)
