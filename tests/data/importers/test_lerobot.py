"""LeRobot datasets: episodes split across files, columns chosen by name."""

import json
import sys

import numpy as np
import pytest

from dfplan.data.importers.columns import Columns

from .conftest import LENGTHS, check_dropped, coded


@pytest.mark.parametrize("cuts", [(), (6,), (4, 7), (1, 2, 3)], ids=str)
def test_episodes_split_across_files(lerobot, imported, cuts):
    _, episodes, notes = imported("lerobot", lerobot(cuts))
    check_dropped(episodes)
    assert "columns left out: task" in notes


def test_version_2_has_one_file_per_episode(lerobot, imported):
    check_dropped(imported("lerobot", lerobot((4, 7), "v2.1"))[1])


def test_other_columns_and_lists_without_a_fixed_size(lerobot, imported):
    path = lerobot(
        **{"environment": coded(2, 7).tolist(), "gripper": coded(1, 9)[:, 0], "next.reward": None}
    )
    columns = Columns(("environment", "gripper"), ("gripper",))
    _, episodes, notes = imported("lerobot", path, columns=columns)
    expected = np.concatenate([coded(2, 7), coded(1, 9)], axis=1)
    np.testing.assert_allclose(episodes[0].observations, expected[:4])
    np.testing.assert_array_equal(episodes[0].actions, coded(1, 9)[:3])
    assert any("no rewards" in note for note in notes)


@pytest.mark.parametrize("kind", ["large lists", "lists of lists", "tensors"])
def test_lists_of_any_kind_are_flattened(lerobot, imported, kind):
    pa = pytest.importorskip("pyarrow")
    values = coded(4)
    nested = values.reshape(12, 2, 2)
    columns = {
        "large lists": lambda: pa.array(values.tolist(), pa.large_list(pa.float32())),
        "lists of lists": lambda: pa.array(nested.tolist(), pa.large_list(pa.list_(pa.float32()))),
        "tensors": lambda: pa.FixedShapeTensorArray.from_numpy_ndarray(nested),
    }
    path = lerobot(**{"observation.state": columns[kind]()})
    _, episodes, _ = imported("lerobot", path)
    for episode, rows in zip(episodes, (slice(4), slice(4, 7), slice(7, 12)), strict=True):
        np.testing.assert_array_equal(episode.observations, values[rows])


def test_a_split_is_a_range_of_episodes(lerobot, imported, refusal):
    path = lerobot()
    info = path / "meta" / "info.json"
    splits = {"train": "0:2", "test": "2:3", "odd": "1::2", "none": "3:9"}
    info.write_text(json.dumps({"codebase_version": "v3.0", "splits": splits}))
    for split, words in {"valid": "train, test", "odd": "'1::2'", "none": "3:9"}.items():
        assert words in refusal("lerobot", path, columns=Columns(split=split))
    _, (episode,), _ = imported("lerobot", path, columns=Columns(split="test"))
    np.testing.assert_array_equal(episode.observations, coded(3)[7:])


def test_more_than_a_thousand_chunks_keep_their_order(lerobot, imported):
    path = lerobot((6,))
    (path / "data" / "chunk-000").rename(path / "data" / "chunk-999")
    (path / "data" / "chunk-001").rename(path / "data" / "chunk-1000")
    check_dropped(imported("lerobot", path)[1])


def changed(array, row, value):
    array = array.copy()
    array[row] = value
    return array


EPISODES = np.repeat(np.arange(3), LENGTHS)
FRAMES = np.concatenate([np.arange(n) for n in LENGTHS])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"action": None}, "no column 'action'; it has: observation.state, next.reward"),
        ({"action": ["left"] * 12}, "column 'action' holds string; needed: numb"),
        ({"action": [[1.0, 2]] * 11 + [[1.0]]}, "has lists of 1 to 2 numbers"),
        ({"action": [[1.0, 2]] * 11 + [None]}, "has no value in 1 of 6 rows"),
        ({"next.reward": [1.0] * 9 + [None] * 3}, "has no value in 3 of 6 rows"),
        (
            {"observation.state": changed(coded(3), (8, 2), np.nan)},
            "observation.state, row 8 (episode 2, step 1), dimension 2 is nan",
        ),
        (
            {"frame_index": changed(FRAMES, 5, 2)},
            "episode 1 has frame_index 2 instead of 1;",
        ),
        ({"frame_index": FRAMES + 1}, "episode 0 has frame_index 1 instead of 0"),
        ({"episode_index": changed(EPISODES, slice(7, 12), 0)}, "episode 0 "),
    ],
    ids=str,
)
def test_unsuitable_columns_are_refused(lerobot, refusal, changes, says):
    path = lerobot(**changes)
    message = refusal("lerobot", path)
    assert says in message and str(path) in message


def test_a_column_missing_from_one_file(lerobot, refusal):
    path = lerobot()
    other = lerobot(name="other", action=None)
    file = "data/chunk-001/file-000.parquet"
    (other / file).rename(path / file)
    message = refusal("lerobot", path)
    assert file in message and "'action'" in message


def test_not_a_lerobot_dataset(lerobot, home, refusal):
    assert "LeRobot dataset" in refusal("lerobot", home)
    assert "v1.6; valid: v2, v3" in refusal("lerobot", lerobot((), "v1.6"))
    path = lerobot(name="other")
    (path / "data" / "chunk-000" / "file-000.parquet").write_bytes(b"no")
    assert "cannot be read as Parquet" in refusal("lerobot", path)
    for file in path.glob("data/*/*"):
        file.unlink()
    assert "holds no data/chunk-*/*.parquet" in refusal("lerobot", path)


def test_without_pyarrow_the_error_names_the_extra(lerobot, refusal, monkeypatch):
    path = lerobot()
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert 'pyarrow: pip install "dfplan[lerobot]"' in refusal("lerobot", path)
