"""The names of joined columns are stored in the dataset, and its profile shows them."""

import json

import pytest

from dfplan.data.importers.columns import Columns
from dfplan.data.minari_io import open_dataset
from dfplan.data.profile.measure import measure
from dfplan.data.profile.sample import take_sample
from dfplan.plots.dataset import draw_dataset
from dfplan.types import UserError

from .conftest import ID, coded

JOINED = Columns(observations=("qpos", "$speed$"))
NAMES = ["qpos 0", "qpos 1", "$speed$"]
POSITIONS = {"qpos": coded(2), "$speed$": coded(1)}


@pytest.mark.parametrize("goal", [None, coded(2)], ids=["box", "goals"])
def test_joined_columns(npz, imported, goal):
    columns = JOINED if goal is None else Columns(JOINED.observations, goal="goal")
    imported("numpy", npz(**POSITIONS, goal=goal), columns=columns)
    profile = measure(ID)
    assert [dimension.name for dimension in profile.state] == NAMES
    assert profile.action[0].name == "action 0"


def test_a_single_column_is_the_observation(npz, imported):
    imported("numpy", npz())
    assert [dimension.name for dimension in measure(ID).state][:2] == [
        "observation 0",
        "observation 1",
    ]


@pytest.mark.parametrize("names", ["qpos", [1, 2, 3]], ids=str)
def test_damaged_names_are_refused(npz, imported, home, names):
    imported("numpy", npz(**POSITIONS), columns=JOINED)
    path = home / "datasets" / ID / "data" / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "observation_names": names}))
    with pytest.raises(UserError, match="observation_names"):
        open_dataset(ID)


def test_names_with_dollar_signs_are_drawn_as_they_are(npz, imported, tmp_path):
    columns = Columns(observations=(r"$\speed$", r"$\turn$"))
    imported("numpy", npz(**dict.fromkeys(columns.observations, coded(1))), columns=columns)
    profile = measure(ID)
    assert profile.layout is not None
    draw_dataset(tmp_path / "x.png", profile, take_sample(ID, profile.layout))
    assert (tmp_path / "x.png").is_file()
