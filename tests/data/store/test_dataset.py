"""Reading a dataset: equal to Minari's reading, refused in one line if damaged, never executed."""

import json
import os

import h5py
import minari
import numpy as np
import pytest
from gymnasium import spaces

from dfplan.data.minari_io import load_trajectories, open_dataset
from dfplan.data.profile.measure import measure
from dfplan.data.store.dataset import Dataset
from dfplan.types import UserError

from .conftest import GOALS, ID, box, change_metadata, episode, write, write_with_minari


def refusal(call=load_trajectories, **kwargs) -> str:
    with pytest.raises(UserError) as caught:
        call(ID, **kwargs)
    message = str(caught.value)
    assert ID in message and "\n" not in message and len(message) < 400
    return message


def equal(first, second) -> bool:
    if isinstance(second, dict):
        return set(first) == set(second) and all(equal(first[k], second[k]) for k in second)
    return first.dtype == second.dtype and np.array_equal(first, second)


def goals(steps):
    return {name: np.ones((steps + 1, *space.shape)) * steps for name, space in GOALS.items()}


@pytest.mark.parametrize("data_format", ["hdf5", "arrow", "parquet"])
@pytest.mark.parametrize("space", [box(3), GOALS], ids=["box", "goals"])
def test_every_format_of_minari_is_read_as_minari_reads_it(home, data_format, space):
    pytest.importorskip("pyarrow")
    changes = [{"observations": goals(n)} if space is GOALS else {} for n in (4, 6)]
    episodes = [episode(n, **c) for n, c in zip((4, 6), changes, strict=True)]
    write_with_minari(episodes=episodes, observation_space=space, data_format=data_format)
    dataset = open_dataset(ID)
    assert dataset.episode_steps().tolist() == [4, 6]
    pairs = zip(dataset.iterate_episodes(), minari.load_dataset(ID), strict=True)
    for actual, expected in pairs:
        assert actual.id == expected.id and len(actual) == len(expected)
        for name in ("observations", "actions", "rewards", "terminations", "truncations"):
            assert equal(getattr(actual, name), getattr(expected, name))


def test_the_fingerprint_does_not_depend_on_the_writer(home):
    episodes = [episode(n, observations=goals(n)) for n in (4, 6)]
    write("my/own-v0", episodes, GOALS)
    write_with_minari("my/minari-v0", episodes, GOALS)
    first, second = (load_trajectories(f"my/{name}-v0", rewards=True) for name in ("own", "minari"))
    assert first.fingerprint == second.fingerprint


def test_jpeg_images_are_read(home):
    frames = np.random.default_rng(0).integers(0, 255, (5, 40, 40, 3)).astype(np.uint8)
    space = box(40, 40, 3, dtype=np.uint8)
    write_with_minari(episodes=[episode(4, observations=frames)], observation_space=space)
    (stored,) = open_dataset(ID).iterate_episodes()
    (expected,) = minari.load_dataset(ID).iterate_episodes()
    np.testing.assert_array_equal(stored.observations, expected.observations)


def test_arrays_that_are_compressed_are_larger_than_their_file(home):
    write_with_minari(episodes=[episode(9000)])
    path = home / ID / "data" / "main_data.hdf5"
    with h5py.File(path) as file:
        arrays = {name: dataset[()] * 0 for name, dataset in file["episode_0"].items()}
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(f"episode_0/{name}", data=array, compression=9)
    assert path.stat().st_size < 100_000
    (stored,) = open_dataset(ID).iterate_episodes()
    assert stored.observations.shape == (9001, 3) and not stored.observations.any()


def test_rewards_of_one_number_each(home):
    episodes = [episode(n, rewards=np.arange(n, dtype=float)[:, None]) for n in (3, 2)]
    write_with_minari(episodes=episodes)
    assert load_trajectories(ID, rewards=True).reward.tolist() == [0, 1, 2, 0, 0, 1, 0]
    assert measure(ID).returns.tolist() == [3, 1]
    write("my/own-v0", episodes)
    (first, _) = minari.load_dataset("my/own-v0").iterate_episodes()
    assert first.rewards.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"total_episodes": 3}, ["3 episodes", "hold 2"]),
        ({"total_episodes": 1}, ["1 episodes", "hold 2"]),
        ({"total_episodes": 10**12}, ["1,000,000,000,000 episodes", "hold 2"]),
        ({"total_steps": 11}, ["11 steps", "hold 10"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("call", [load_trajectories, measure])
def test_metadata_and_files_that_disagree(home, changes, words, call):
    write()
    change_metadata(home / ID, **changes)
    message = refusal(call)
    for word in words:
        assert word in message


SPACE = {"type": "Box", "dtype": "float64", "shape": [3], "low": [0, 0, 0], "high": [1, 1, 1]}


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("total_episodes", "2", "'2'"),
        ("total_episodes", True, "True"),
        ("total_episodes", 2.0, "2.0"),
        ("total_episodes", -1, "-1"),
        ("total_steps", None, "no 'total_steps'"),
        ("total_steps", [10], "[10]"),
        ("dataset_id", 3, "3"),
        ("minari_version", "9.9", "9.9"),
        ("minari_version", {}, "{}"),
        ("data_format", "zarr", "hdf5"),
        ("data_format", 5, "5"),
        ("jpeg_encoding", "no", "'no'"),
        ("env_spec", {"id": "x"}, "env_spec"),
        ("observation_space", None, "observation_space"),
        ("observation_space", SPACE, "type str"),
        ("observation_space", "Box", "not a space"),
        ("observation_space", "[" * 100_000, "not a space"),
        ("observation_space", json.dumps({"type": "Sphere"}), "Sphere"),
        ("observation_space", json.dumps(SPACE | {"shape": [10**12]}), "(1000000000000,)"),
        ("observation_space", json.dumps(SPACE | {"shape": [10**12], "low": 0}), "low"),
        ("observation_space", json.dumps(SPACE | {"dtype": "object"}), "object"),
        ("observation_space", json.dumps(SPACE | {"low": ["a"]}), "not a space"),
        (
            "action_space",
            json.dumps({"type": "Tuple", "subspaces": [{"type": "Dict"}]}),
            "subspaces",
        ),
    ],
)
def test_metadata_of_the_wrong_type(home, name, value, word):
    write()
    change_metadata(home / ID, **{name: value})
    assert word in refusal(open_dataset)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"3", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": ' * 50_000]
)
def test_metadata_that_are_not_an_object(home, content):
    write()
    (home / ID / "data" / "metadata.json").write_bytes(content)
    assert "metadata.json" in refusal(open_dataset)


def claim(rows, **options):
    """Let the second episode claim rewards that are not stored."""

    def damage(file):
        del file["episode_1/rewards"]
        file["episode_1"].create_dataset("rewards", (rows,), float, **options)

    return damage


def replace(name, value):
    """Replace a part of the second episode; None removes it, a dict makes it a group."""

    def damage(file):
        del file[f"episode_1{name}"]
        if isinstance(value, dict):
            file.create_group(f"episode_1{name}")
        elif value is not None:
            file[f"episode_1{name}"] = value

    return damage


def virtual(file):
    layout = h5py.VirtualLayout((6,), float)
    layout[:] = h5py.VirtualSource("other.hdf5", "rewards", (6,))
    del file["episode_1/rewards"]
    file["episode_1"].create_virtual_dataset("rewards", layout)


@pytest.mark.parametrize(
    "damage",
    [
        claim(10**12, chunks=(1000,)),
        claim(10**17, chunks=(1000,), compression=1),
        claim(10**6, chunks=(1000,)),
        replace("", None),
        replace("/actions", None),
        replace("/rewards", None),
        replace("/actions", {}),
        replace("/actions", np.array([b"a"] * 6)),
        replace("/rewards", np.zeros((6, 2))),
        replace("/rewards", np.zeros(5)),
        replace("/rewards", 1.0),
        replace("/observations", np.zeros((6, 3))),
        claim(6, chunks=(10**8,), maxshape=(None,)),
        claim(6, external=[("rewards.bin", 0, 48)]),
        replace("/rewards", h5py.SoftLink("/episode_0/rewards")),
        replace("/rewards", h5py.ExternalLink("other.hdf5", "rewards")),
        replace("", h5py.SoftLink("/episode_0")),
        virtual,
    ],
    ids=range(18),
)
@pytest.mark.parametrize("call", [lambda name: load_trajectories(name, rewards=True), measure])
def test_damaged_arrays(home, damage, call):
    write_with_minari()
    with h5py.File(home / ID / "data" / "main_data.hdf5", "a") as file:
        damage(file)
    refusal(call)


@pytest.mark.parametrize("keep", [0, 40, 0.3, 0.9], ids=str)
@pytest.mark.parametrize("writer", [write, write_with_minari])
def test_a_truncated_file(home, keep, writer):
    writer()
    path = home / ID / "data" / "main_data.hdf5"
    content = path.read_bytes()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    refusal()


def test_flipped_bytes_of_headers_are_found(home):
    """Every byte of a short episode lies in a header, and those have checksums."""
    write()
    path = home / ID / "data" / "main_data.hdf5"
    content = path.read_bytes()
    for number in range(0, len(content), 101):
        flipped = bytearray(content)
        flipped[number] ^= 0xFF
        path.unlink()
        path.write_bytes(flipped)
        try:
            data = load_trajectories(ID)
        except UserError:
            continue
        path.write_bytes(content)
        assert data.fingerprint == load_trajectories(ID).fingerprint


def test_a_dataset_that_is_not_a_file_does_not_hang(home):
    write()
    for name in ("main_data.hdf5", "metadata.json"):
        path = home / ID / "data" / name
        path.unlink()
        os.mkfifo(path)
        refusal()


def test_nothing_that_a_dataset_names_is_executed(home, tmp_path, monkeypatch):
    (tmp_path / "planted.py").write_text("raise SystemExit('executed')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    write()
    spec = {"id": "planted:X-v0", "entry_point": "planted:make", "kwargs": {}}
    spec |= {"additional_wrappers": [{"name": "W", "entry_point": "planted:W", "kwargs": {}}]}
    change_metadata(home / ID, env_spec=json.dumps(spec), eval_env_spec=json.dumps(spec))
    assert len(load_trajectories(ID).length) == 2 and measure(ID).steps == 10
    assert json.loads(open_dataset(ID).metadata.env_spec) == spec
    change_metadata(home / ID, observation_space=None)
    assert "observation_space" in refusal()


def test_spaces_that_dfplan_cannot_plan_in_are_shown(home):
    write_with_minari(
        episodes=[episode(3, observations=np.zeros((4,), int))],
        observation_space=spaces.Discrete(4),
    )
    profile = measure(ID)
    assert profile.steps == 3 and "Discrete(4)" in profile.problem


def test_the_stored_precision_is_kept(home):
    offset = 3.9e6 + np.random.default_rng(0).normal(size=(5, 3)) / 1e3
    write(episodes=[episode(4, observations=offset)])
    (stored,) = open_dataset(ID).iterate_episodes()
    np.testing.assert_array_equal(stored.observations, offset)
    assert isinstance(open_dataset(ID), Dataset)
