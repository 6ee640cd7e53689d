"""A dataset is written completely or not at all."""

import pytest

from dfplan.data.importers.formats import read_files
from dfplan.data.importers.write import ImportOptions, write_episodes
from dfplan.types import UserError

from .conftest import ID


def test_an_interrupt_leaves_no_dataset(npz, home):
    episodes = read_files("numpy", [npz()])

    def stop(rows):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_episodes(episodes, ID, ImportOptions(), description="test", progress=stop)
    assert not (home / "datasets" / ID).exists()


def test_a_dataset_that_exists_is_kept(npz, home):
    episodes = read_files("numpy", [npz()])
    write_episodes(episodes, ID, ImportOptions(), description="test")
    before = (home / "datasets" / ID / "data" / "main_data.hdf5").read_bytes()
    with pytest.raises(UserError, match=f"{ID}.*minari delete {ID}$"):
        write_episodes(episodes, ID, ImportOptions(), description="test")
    assert (home / "datasets" / ID / "data" / "main_data.hdf5").read_bytes() == before


def test_progress_ends_at_the_last_row(npz, home):
    done = []
    write_episodes(
        read_files("numpy", [npz()]), ID, ImportOptions(), description="test", progress=done.append
    )
    assert done[-1] == 12
