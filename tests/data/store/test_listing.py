"""Lists of Minari's folder: a bad folder hides no other, and is listed with the reason."""

import os
import shutil

import pytest

from dfplan.data.store.listing import list_datasets, local_ids
from dfplan.data.store.root import datasets_root
from dfplan.types import UserError

from .conftest import ID, change_metadata, write


def copied(home):
    shutil.copytree(home / "other-v0", home / "other-v0-backup")
    return "other-v0-backup", "not named like a dataset"


def renamed(home):
    (home / "other-v0").rename(home / "new-v0")
    return "new-v0", "'other-v0'"


def wrong_type(home):
    change_metadata(home / "other-v0", total_steps={})
    return "other-v0", "total_steps"


def without_metadata(home):
    (home / "other-v0" / "data" / "metadata.json").unlink()
    return "other-v0", "metadata.json"


def truncated(home):
    path = home / "other-v0" / "data" / "main_data.hdf5"
    path.write_bytes(path.read_bytes()[:1000])
    return "other-v0", "truncated"


def foreign(home):
    (home / "notes" / "data").mkdir(parents=True)
    return "notes", "not named like a dataset"


@pytest.mark.parametrize(
    "damage", [copied, renamed, wrong_type, without_metadata, truncated, foreign]
)
def test_a_bad_folder_is_listed_with_the_reason(home, damage):
    write()
    write("other-v0")
    (home / ".hidden-v0" / "data").mkdir(parents=True)
    name, word = damage(home)
    listings = {listing.dataset: listing for listing in list_datasets()}
    assert word in listings[name].problem and "\n" not in listings[name].problem
    good = listings[ID]
    assert (good.episodes, good.steps, good.problem) == (2, 10, "")
    assert ID in local_ids() and name not in local_ids()
    assert set(listings) - {"other-v0"} == {ID, name} - {"other-v0"}


def test_links_that_form_a_circle(home):
    write()
    (home / "my" / "again").symlink_to(home, target_is_directory=True)
    assert local_ids() == [ID]


def test_a_relative_root_is_the_folder_it_was_at_the_time(home, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", "here/below")
    write()
    assert local_ids() == [ID] and (tmp_path / "here" / "below" / ID).is_dir()
    assert datasets_root().is_absolute()


@pytest.mark.parametrize("value", ["", "file", "file/below", "/proc/nowhere", "x" * 300])
def test_a_root_that_cannot_be_used(tmp_path, monkeypatch, value):
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", value)
    for call in (write, list_datasets):
        with pytest.raises(UserError, match="MINARI_DATASETS_PATH") as caught:
            call()
        assert "\n" not in str(caught.value) and value in str(caught.value)
    assert os.listdir() == ["file"]
