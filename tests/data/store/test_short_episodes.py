"""Many short episodes are read at once, equal to what HDF5 reads one by one."""

import dataclasses

import h5py
import minari
import numpy as np
import pytest

from dfplan.data.minari_io import open_dataset
from dfplan.data.store import hdf5_read, hdf5_write, short_read
from dfplan.data.store.short_read import CHUNK
from dfplan.types import UserError

from .conftest import GOALS, ID, box, episode, write, write_with_minari

MANY = 4 * hdf5_read.MANY


def goals(steps, seed):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(steps + 1, *space.shape)) for name, space in GOALS.items()}


def same(actual, expected):
    if isinstance(expected, dict):
        assert set(actual) == set(expected)
        return all(same(actual[key], value) for key, value in expected.items())
    return actual.dtype == expected.dtype and np.array_equal(actual, expected)


def check(episodes, dataset_id=ID):
    """Check that a dataset is read as it was written."""
    for stored, expected in zip(open_dataset(dataset_id).iterate_episodes(), episodes, strict=True):
        for name in ("observations", "actions", "rewards", "terminations", "truncations"):
            assert same(getattr(stored, name), getattr(expected, name)), (stored.id, name)


@pytest.fixture
def by_hdf5(monkeypatch):
    """Groups that HDF5 reads, in order."""
    names = []
    original = hdf5_read._open_group

    def open_group(parent, name):
        names.append(name)
        return original(parent, name)

    monkeypatch.setattr(hdf5_read, "_open_group", open_group)
    return names


def test_hdf5_reads_one_episode_of_each_form(home, by_hdf5):
    episodes = [episode(3 + seed % 2, seed) for seed in range(CHUNK + 50)]
    write(episodes=episodes)
    check(episodes)
    assert len(by_hdf5) < len(episodes) / 20


def test_entries_of_observations(home, by_hdf5):
    episodes = [episode(4, observations=goals(4, seed)) for seed in range(MANY)]
    write(episodes=episodes, observation_space=GOALS)
    check(episodes)
    assert len([name for name in by_hdf5 if name.startswith("episode")]) < len(episodes) / 3


def test_forms_that_are_rare_or_do_not_fit_into_headers(home, by_hdf5):
    large = {"observations": np.random.default_rng(0).normal(size=(3001, 3))}
    episodes = [episode(4, seed) for seed in range(MANY)]
    episodes[5] = episode(3000, **large)
    episodes[9] = episode(7)
    episodes[11] = episode(4, rewards=np.arange(4))
    write(episodes=episodes)
    check(episodes)
    assert {"episode_5", "episode_9", "episode_11"} < set(by_hdf5)
    assert len(by_hdf5) < len(episodes) / 3


def test_forms_that_differ_in_their_types_alone(home, by_hdf5):
    episodes = [episode(4, seed, rewards=np.arange(4) + seed) for seed in range(MANY)]
    episodes[::2] = [episode(4, seed) for seed in range(0, MANY, 2)]
    write(episodes=episodes)
    check(episodes)


@pytest.mark.parametrize("part", ["learn", "read_superblock", "first_block"])
def test_files_of_another_version_of_hdf5(home, by_hdf5, monkeypatch, part):
    """HDF5 then writes and reads every episode."""

    def fail(*args):
        raise ValueError("another version")

    monkeypatch.setattr(hdf5_write, part, fail)
    monkeypatch.setattr(short_read, "learn", fail)
    episodes = [episode(4, seed) for seed in range(MANY)]
    write(episodes=episodes)
    check(episodes)
    assert len(by_hdf5) == MANY


def test_long_episodes_are_read_by_hdf5(home, by_hdf5):
    episodes = [episode(3000, seed) for seed in range(hdf5_read.MANY)]
    write(episodes=episodes)
    check(episodes)
    assert len(by_hdf5) == len(episodes)


def test_what_minari_wrote_and_appended(home):
    episodes = [episode(4, seed) for seed in range(MANY)]
    write_with_minari("my/minari-v0", episodes)
    check(episodes, "my/minari-v0")
    write(episodes=episodes)
    dataset = minari.load_dataset(ID)
    dataset.update_dataset_from_buffer([episode(4, MANY)])
    dataset.storage.update_episode_metadata([{"note": "x"}] * 3, range(3))
    check([*episodes, episode(4, MANY)])


def test_some_episodes(home):
    write(episodes=[episode(4, seed) for seed in range(MANY)])
    ids = range(MANY - 1, 0, -2)
    stored = list(open_dataset(ID).iterate_episodes(ids, step_arrays=("rewards",)))
    assert [each.id for each in stored] == list(ids)
    assert same(stored[3].rewards, episode(4, ids[3]).rewards) and stored[3].terminations is None


def test_damage_to_one_of_many_is_found(home):
    episodes = [episode(4, seed) for seed in range(MANY)]
    write(episodes=episodes)
    path = home / ID / "data" / "main_data.hdf5"
    content = bytearray(path.read_bytes())
    content[content.index(episodes[40].actions.tobytes()) + 3] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(UserError, match=ID):
        list(open_dataset(ID).iterate_episodes())


def test_links_to_one_episode_take_no_more_memory_than_the_file_has(home):
    count = 2000
    write(episodes=[episode(300)] + [episode(1)] * (count - 1))
    with h5py.File(home / ID / "data" / "main_data.hdf5", "a") as file:
        for number in range(1, count):
            del file[f"episode_{number}"]
            file[f"episode_{number}"] = file["episode_0"]
    with pytest.raises(UserError, match="bytes"):
        list(open_dataset(ID).iterate_episodes())


@pytest.mark.parametrize("target", [h5py.SoftLink("/episode_0"), h5py.ExternalLink("a.h5", "/")])
def test_links_to_other_places_are_refused(home, target):
    write(episodes=[episode(4, seed) for seed in range(MANY)])
    with h5py.File(home / ID / "data" / "main_data.hdf5", "a") as file:
        del file["episode_7"]
        file["episode_7"] = target
    with pytest.raises(UserError, match="link"):
        list(open_dataset(ID).iterate_episodes())


def test_an_array_in_another_file_is_refused(home):
    write(episodes=[episode(4, seed) for seed in range(MANY)])
    with h5py.File(home / ID / "data" / "main_data.hdf5", "a") as file:
        del file["episode_7/actions"]
        file["episode_7"].create_dataset("actions", (4, 2), "f4", external=[("a.bin", 0, 32)])
    with pytest.raises(UserError, match="another file"):
        list(open_dataset(ID).iterate_episodes())


@pytest.mark.parametrize("shape", [(2, 2), (4,)])
def test_arrays_of_other_shapes(home, shape):
    observations = [np.random.default_rng(seed).normal(size=(5, *shape)) for seed in range(MANY)]
    episodes = [episode(4, observations=each) for each in observations]
    write(episodes=episodes, observation_space=box(*shape))
    check(episodes)


def test_a_caller_may_reuse_its_arrays(home):
    def reused():
        observations = np.zeros((5, 3))
        for seed in range(MANY):
            observations[:] = seed
            yield episode(4, seed, observations=observations)

    write(episodes=reused())
    stored = open_dataset(ID).iterate_episodes()
    assert [each.observations[0, 0] for each in stored] == list(range(MANY))


@pytest.mark.parametrize("kind", [np.int32, np.uint8, int])
def test_seeds_of_all_integer_types(home, kind):
    seeds = [kind(number) for number in range(MANY)]
    seeds[7] = 2**63 + 1
    episodes = [dataclasses.replace(episode(4), seed=seed) for seed in seeds]
    write(episodes=episodes)
    with h5py.File(home / ID / "data" / "main_data.hdf5") as file:
        assert [file[f"episode_{k}"].attrs["seed"] for k in range(MANY)] == seeds
