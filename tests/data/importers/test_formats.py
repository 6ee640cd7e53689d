"""Another package's format is read, described and checked as the built-in ones are."""

import h5py
import numpy as np
import pytest

from dfplan.data.importers.columns import ColumnReader, Columns
from dfplan.data.importers.episodes import read_episodes
from dfplan.data.importers.formats import IMPORTERS, describe_formats, read_files
from dfplan.types import MAX_MESSAGE, UserError


def read_text(paths, columns, limit=None):
    """Read text files: one number per line.

    A second paragraph, which the help leaves out.
    """
    (path,) = paths
    numbers = np.loadtxt(path)
    reader = ColumnReader(str(path), ("x",), lambda name: numbers)
    columns = Columns(observations=("x",), actions=("x",))
    length = np.array([len(numbers)])
    return read_episodes(reader, columns, length, boundary_columns=())


@pytest.fixture
def text_format(monkeypatch):
    monkeypatch.setattr(IMPORTERS, "_objects", {"text": read_text})


def test_a_registered_format_is_read(text_format, tmp_path):
    path = tmp_path / "walk.txt"
    path.write_text("1\n2\n4\n")
    episodes = read_files("text", [path])
    assert episodes.observation.tolist() == [[1.0], [2.0], [4.0]]
    assert episodes.length.tolist() == [3]


def test_every_format_is_described_by_its_first_line(text_format):
    text = describe_formats()
    assert text.startswith("d4rl (HDF5 files of D4RL), ogbench (NPZ files of OGBench), ")
    assert text.endswith(", text (text files: one number per line)")


def test_unknown_format_lists_all(text_format, tmp_path):
    with pytest.raises(UserError, match=r"'bag'.* d4rl, ogbench, lerobot, numpy, .*csv, .*text$"):
        read_files("bag", [tmp_path])


@pytest.mark.parametrize("name", ["d4rl", "numpy"])
def test_a_file_of_many_other_names_is_refused_in_a_few_lines(name, tmp_path):
    """Such as robomimic's, which has groups of datasets for each demonstration."""
    names = [f"data/demo_{i}/obs/robot0_eye_in_hand_image" for i in range(500)]
    if name == "d4rl":
        path = tmp_path / "x.hdf5"
        with h5py.File(path, "w") as file:
            for each in names:
                file[each] = np.zeros(1)
    else:
        path = tmp_path / "x.npz"
        np.savez(path, **{each: np.zeros(1) for each in names})
    with pytest.raises(UserError) as caught:
        read_files(name, [path])
    message = str(caught.value)
    assert len(message) <= MAX_MESSAGE
    for word in (str(path), "'observations'", "demo_0/", "470 more"):
        assert word in message
