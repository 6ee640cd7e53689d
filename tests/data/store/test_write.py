"""A dataset is complete or absent, however its writer ends; no other dataset is touched."""

import contextlib
import errno
import signal

import minari
import numpy as np
import pytest

from dfplan.data.store.output_file import OutputFile
from dfplan.data.store.write import DatasetExistsError, new_dataset
from dfplan.types import UserError
from dfplan.util.locks import LockedError
from tests.faults import count_instants, fail_at, full_disk, kill_at

from .conftest import GOALS, ID, box, episode, write


def same(actual, expected):
    if isinstance(expected, dict):
        assert set(actual) == set(expected)
        for key, value in expected.items():
            same(actual[key], value)
        return
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


def goals(steps):
    rng = np.random.default_rng(steps)
    return {name: rng.normal(size=(steps + 1, *space.shape)) for name, space in GOALS.items()}


LARGE = {"observations": np.random.default_rng(0).normal(size=(3001, 3))}
"""More numbers than fit into a header."""


def test_infos_have_a_row_per_observation(home):
    qpos = np.arange(8.0).reshape(4, 2)
    write(episodes=[episode(3, infos={"qpos": qpos})])
    same(minari.load_dataset(ID)[0].infos, {"qpos": qpos})


@pytest.mark.parametrize(
    ("space", "episodes"),
    [
        (box(3), [episode(4), episode(1), episode(3000, **LARGE)]),
        (GOALS, [episode(n, observations=goals(n)) for n in (5, 2)]),
        (box(2, 2, dtype=np.float32), [episode(2, observations=np.ones((3, 2, 2), np.float32))]),
        (box(40, 40, dtype=np.uint8), [episode(1, observations=np.ones((2, 40, 40), np.uint8))]),
    ],
    ids=["box", "goals", "matrix", "image"],
)
def test_minari_reads_what_was_written(home, space, episodes):
    write(episodes=episodes, observation_space=space)
    assert list(minari.list_local_datasets()) == [ID]
    dataset = minari.load_dataset(ID)
    assert (dataset.observation_space, dataset.action_space) == (space, box(2))
    assert dataset.total_steps == sum(map(len, episodes))
    for actual, expected in zip(dataset.iterate_episodes(), episodes, strict=True):
        for name in ("observations", "actions", "rewards", "terminations", "truncations"):
            same(getattr(actual, name), getattr(expected, name))
    counts = [m["total_steps"] for m in dataset.storage.get_episode_metadata(range(len(episodes)))]
    assert counts == list(map(len, episodes))


def test_minari_appends_to_what_was_written(home):
    write()
    minari.load_dataset(ID).update_dataset_from_buffer([episode(3)])
    dataset = minari.load_dataset(ID)
    assert [len(e) for e in dataset.iterate_episodes()] == [4, 6, 3]
    assert minari.namespace.list_local_namespaces() == ["my"]


@pytest.mark.parametrize(
    "changes",
    [
        {"observations": np.full((5, 3), "a")},
        {"actions": np.zeros((3, 2))},
        {"observations": {"a": np.zeros((4, 3))}},
    ],
    ids=["text", "short", "in a dict"],
)
def test_an_episode_that_cannot_be_stored_leaves_nothing(home, changes):
    with pytest.raises(UserError, match="episode 1"):
        write(episodes=[episode(2), episode(4, **changes)])
    assert list(home.iterdir()) == []


def test_a_second_writer_is_refused_and_harms_nothing(home):
    with new_dataset(ID) as data:
        (data / "main_data.hdf5").touch()
        with pytest.raises(LockedError):
            write()
        assert minari.list_local_datasets() == {}
    assert (home / ID / "data" / "main_data.hdf5").exists()
    with pytest.raises(DatasetExistsError, match=f"'{ID}' already exists"):
        write()
    assert (home / ID / "data" / "main_data.hdf5").exists()
    write("my/other-v0")


def test_what_a_killed_writer_of_a_complete_dataset_left_is_removed(home):
    write()
    folder = (home / ID).parent
    before = sorted(folder.iterdir())
    (folder / ".name-v0.0123abcd.dfplan-part").mkdir()
    (folder / ".name-v0.dfplan-lock").touch()
    with pytest.raises(DatasetExistsError):
        write()
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("kind", [KeyboardInterrupt, UserError("no"), ValueError("no")], ids=repr)
def test_a_writer_that_ends_early_leaves_nothing(home, kind):
    with contextlib.suppress(KeyboardInterrupt, UserError, ValueError), new_dataset(ID) as data:
        (data / "main_data.hdf5").touch()
        raise kind
    assert list(home.iterdir()) == []
    write()


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize("name", ["write", "seek"])
def test_a_signal_inside_hdf5_waits_for_its_end(home, monkeypatch, name):
    original = getattr(OutputFile, name)
    calls = []

    def signaled(self, *args):
        calls.append(args)
        if len(calls) == 50:
            signal.raise_signal(signal.SIGINT)
        return original(self, *args)

    monkeypatch.setattr(OutputFile, name, signaled)
    with pytest.raises(KeyboardInterrupt):
        write(episodes=[episode(5, seed) for seed in range(200)])
    assert list(home.iterdir()) == [] and len(calls) > 50


MIXED = [episode(4, seed) for seed in range(6)] + [episode(1), episode(3000, **LARGE)]
"""Episodes of every way of writing."""


def test_a_writer_killed_at_any_instant_leaves_all_or_nothing(home):
    count = count_instants(home, lambda: write("ns/whole-v0", MIXED))
    for number in range(1, count + 1):
        # A separate namespace, as only the first dataset in one describes it.
        dataset_id = f"ns{number}/x-v0"
        assert kill_at(number, home, lambda dataset_id=dataset_id: write(dataset_id, MIXED))
        if dataset_id not in minari.list_local_datasets():
            write(dataset_id, MIXED)
            names = {path.name for path in (home / dataset_id).parent.iterdir()}
            assert names == {"x-v0", "namespace_metadata.json"}
        assert len(list(minari.load_dataset(dataset_id).iterate_episodes())) == 8


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_an_operation_that_fails_at_any_instant_is_one_line(home, code):
    count = count_instants(home, lambda: write("ns/whole-v0", MIXED))
    for number in range(1, count + 1):
        dataset_id = f"ns{number}/x-v0"
        with contextlib.suppress(UserError):
            fail_at(number, home, lambda dataset_id=dataset_id: write(dataset_id, MIXED), code)
        if not (home / dataset_id).exists():
            write(dataset_id, MIXED)
        assert len(list(minari.load_dataset(dataset_id).iterate_episodes())) == 8


@pytest.mark.parametrize("size", [0, 100, 5_000, 60_000, 300_000])
@pytest.mark.parametrize("steps", [5, 4000], ids=["short", "long"])
def test_a_full_disk_is_one_line_and_leaves_nothing(home, size, steps):
    episodes = [episode(steps, seed) for seed in range(400 if steps == 5 else 4)]
    error = pytest.raises(UserError, match=f"cannot write .*{ID}: File too large")
    with full_disk(size), error:
        write(episodes=episodes)
    assert list(home.iterdir()) == []


def test_what_could_not_be_written_can_be_read_back(tmp_path):
    with full_disk(6), OutputFile(tmp_path / "x") as file:
        for text in (b"0123", b"4567", b"89"):
            assert file.write(text) == len(text)
        file.seek(1)
        file.write(b"abc")
        file.seek(0)
        buffer = bytearray(20)
        assert file.readinto(buffer) == 10
        assert bytes(buffer[:10]) == b"0abc456789" and file.tell() == 10
        with pytest.raises(OSError, match="File too large"):
            file.check()
