"""diffusion_policy's replay buffers, written by the zarr library, in folders and ZIP files."""

import shutil

import numpy as np
import pytest

from dfplan.data.importers.columns import Columns

from .conftest import LENGTHS, check_dropped, coded

zarr = pytest.importorskip("zarr")


@pytest.fixture
def buffer(home):
    """Write a replay buffer; None removes an array."""

    def write(name="pusht.zarr", zarr_format=2, **changes):
        path = home / name
        root = zarr.open_group(path, mode="w", zarr_format=zarr_format)
        arrays = {
            "state": coded(3),
            "action": coded(2, 0.05),
            "reward": coded(1, 0.5)[:, 0],
            "keypoint": coded(4).reshape(12, 2, 2),
            "img": np.ones((12, 4, 4, 3), np.uint8),
            "ends": np.cumsum(LENGTHS),
            **changes,
        }
        for key, array in arrays.items():
            if array is not None:
                place = "meta/episode_ends" if key == "ends" else f"data/{key}"
                chunks = (5, *np.shape(array)[1:])
                root.create_array(place, data=np.asarray(array), chunks=chunks)
        return path

    return write


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("packed", ["folder", "zip", "zip of the folder"])
def test_episodes_end_where_the_buffer_says(buffer, imported, home, zarr_format, packed):
    path = buffer(zarr_format=zarr_format)
    if packed != "folder":
        inside = {} if packed == "zip" else {"root_dir": home, "base_dir": path.name}
        path = home / shutil.make_archive(str(path), "zip", **(inside or {"root_dir": path}))
    _, episodes, notes = imported("diffusion_policy", path)
    check_dropped(episodes)
    assert "columns left out: img, keypoint" in notes


def test_key_points_are_flattened_and_obs_is_the_second_choice(buffer, imported):
    path = buffer(state=None, obs=coded(3), reward=None)
    check = imported("diffusion_policy", path)[1][0]
    np.testing.assert_array_equal(check.observations, coded(3)[:4])


def test_other_columns(buffer, imported):
    columns = Columns(observations=("keypoint",), rewards="none")
    _, episodes, _ = imported("diffusion_policy", buffer(), columns=columns)
    np.testing.assert_array_equal(episodes[1].observations, coded(4)[4:7])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ends": None}, ["meta/episode_ends"]),
        ({"ends": np.array([4, 7, 11])}, ["11", "12"]),
        ({"ends": np.array([4, 4, 12])}, ["4 at 1"]),
        ({"ends": np.array([4.5, 12])}, ["float64"]),
        ({"state": None}, ["'state'", "action"]),
        ({"state": coded(3)[:11]}, ["11", "12"]),
        ({"state": np.ones((12, 4, 4, 3), np.uint8)}, ["(12, 4, 4, 3)"]),
    ],
    ids=str,
)
def test_unsuitable_buffers_are_refused(buffer, refusal, changes, words):
    message = refusal("diffusion_policy", buffer(**changes))
    for word in ("pusht.zarr", *words):
        assert word in message


def test_a_missing_chunk_is_not_read_as_zeros(buffer, refusal):
    path = buffer()
    (path / "data" / "state" / "1.0").unlink()
    assert "'data/state'" in refusal("diffusion_policy", path)


def test_something_else_is_refused(home, refusal):
    (home / "x.zarr").write_bytes(b"no")
    assert "x.zarr" in refusal("diffusion_policy", home / "x.zarr")
