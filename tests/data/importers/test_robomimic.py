"""robomimic's HDF5: demonstrations in the order of their numbers, splits, last transitions."""

import json

import h5py
import numpy as np
import pytest

from dfplan.data.importers.columns import Columns
from dfplan.types import UserError

from .conftest import check_dropped, coded

DEMOS = {"demo_2": 4, "demo_10": 3, "demo_11": 5}  # in alphabetical order demo_2 is the last


@pytest.fixture
def robomimic(home):
    """Write a file as robomimic's scripts do; `drop` removes columns."""

    def write(drop=(), split=b"demo_11", string=np.bytes_, **changes):
        path = home / "low_dim.hdf5"
        starts = np.cumsum([0, *DEMOS.values()])
        with h5py.File(path, "w") as file:
            data = file.create_group("data")
            data.attrs["env_args"] = json.dumps({"env_name": "Lift", "type": 1, "env_kwargs": {}})
            for (name, rows), start in zip(DEMOS.items(), starts, strict=False):
                part = slice(start, start + rows)
                columns = {
                    "actions": coded(2, 0.05)[part],
                    "rewards": coded(1, 0.5)[part, 0],
                    "dones": np.arange(rows) == rows - 1,
                    "states": coded(7)[part],
                    "obs/object": coded(3)[part, :2],
                    "obs/robot0_eef_pos": coded(3)[part, 2:],
                    "obs/robot0_joint_pos": coded(7)[part],
                    "obs/agentview_image": np.zeros((rows, 8, 8, 3), np.uint8),
                    "next_obs/object": coded(3)[part, :2] + 1,
                    "next_obs/robot0_eef_pos": coded(3)[part, 2:] + 1,
                }
                columns |= changes
                for key, array in columns.items():
                    if not key.startswith(tuple(drop)) or not drop:
                        data[f"{name}/{key}"] = array
                data[name].attrs["num_samples"] = rows
            file["mask/train"] = np.array([split], string)
        return path

    return write


def test_usual_observations_and_the_last_transition_are_kept(robomimic, imported):
    _, episodes, notes = imported("robomimic", robomimic())
    assert [len(episode) for episode in episodes] == list(DEMOS.values())
    first = episodes[0]
    np.testing.assert_array_equal(first.observations[:-1], coded(3)[:4])
    np.testing.assert_array_equal(first.observations[-1], coded(3)[3] + 1)
    np.testing.assert_array_equal(first.rewards, coded(1, 0.5)[:4, 0])
    assert [bool(episode.terminations[-1]) for episode in episodes] == [True] * 3
    assert any("Lift" in note for note in notes)
    assert any("obs/object, obs/robot0_eef_pos" in note for note in notes)


def test_without_next_observations_the_last_action_is_left_out(robomimic, imported):
    check_dropped(imported("robomimic", robomimic(drop=["next_obs"]))[1])


@pytest.mark.parametrize("string", [np.bytes_, h5py.string_dtype()], ids=["fixed", "variable"])
def test_a_split_names_its_demonstrations(robomimic, imported, string):
    path = robomimic(string=string)
    columns = Columns(observations=("states",), split="train")
    _, (episode,), _ = imported("robomimic", path, columns=columns)
    np.testing.assert_array_equal(episode.observations, coded(7)[7:])


def test_all_vectors_are_read_if_the_usual_ones_are_missing(robomimic, imported):
    path = robomimic(drop=["obs/object", "obs/robot0_eef"])
    _, episodes, _ = imported("robomimic", path)
    np.testing.assert_array_equal(episodes[0].observations, coded(7)[:4])


@pytest.mark.parametrize(
    ("changes", "columns", "words"),
    [
        ({"drop": ["actions"]}, {}, ["data/demo_2/actions"]),
        ({"drop": ["obs"]}, {}, ["no observations", "states"]),
        ({}, {"split": "valid"}, ["'valid'", "train"]),
        ({"split": b"demo_7"}, {"split": "train"}, ["mask/train", "demo_7"]),
        ({}, {"observations": ("obs/agentview_image",)}, ["agentview_image", "(12, 8, 8, 3)"]),
        ({}, {"observations": ("obs/none",)}, ["'obs/none'", "obs/object"]),
        ({"rewards": np.zeros(2)}, {}, ["'rewards' has 6 rows", "12"]),
    ],
    ids=str,
)
def test_unsuitable_files_are_refused(robomimic, refusal, changes, columns, words):
    message = refusal("robomimic", robomimic(**changes), columns=Columns(**columns))
    for word in ("low_dim.hdf5", *words):
        assert word in message


def test_another_hdf5_file_is_refused(hdf5, refusal):
    assert "data/demo_0" in refusal("robomimic", hdf5())


def test_formats_without_splits_say_so(npz, home):
    from dfplan.data.importers.formats import read_files

    with pytest.raises(UserError, match="--split train"):
        read_files("numpy", [npz()], Columns(split="train"))
