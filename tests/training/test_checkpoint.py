"""Checkpoints are restored exactly, or refused with one line that says why."""

import dataclasses
import errno
import re
import shutil
import threading

import jax
import jax.numpy as jnp
import pytest

from dfplan.training import checkpoint
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.step import init_state
from dfplan.types import UserError
from tests.faults import attempt, count_instants


@pytest.fixture(scope="module")
def state(spec):
    state = init_state(spec)
    return state._replace(ema=jax.tree.map(lambda e: e + 1, state.ema))


@pytest.fixture(scope="module")
def saved(state, tmp_path_factory):
    """A directory with the checkpoints of steps 1 and 2."""
    directory = tmp_path_factory.mktemp("saved") / "checkpoints"
    with CheckpointStore(directory) as store:
        for step in (1, 2):
            store.save(state._replace(step=jnp.int32(step)))
    return directory


@pytest.fixture
def directory(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "checkpoints")


@pytest.fixture
def load(directory, state):
    def load(like=None):
        with CheckpointStore(directory) as store:
            return store.load_state(state if like is None else like)

    return load


def test_round_trip(load, directory, state, same_bits):
    same_bits(load(), state._replace(step=jnp.int32(2)))
    with CheckpointStore(directory) as store:
        same_bits(store.load_weights(jax.eval_shape(lambda: state.ema)), state.ema)


def test_muon_round_trip(spec, tmp_path, same_bits):
    optimizer = dataclasses.replace(spec.training.optimizer, name="muon")
    training = dataclasses.replace(spec.training, optimizer=optimizer)
    state = init_state(spec._replace(training=training))
    with CheckpointStore(tmp_path / "checkpoints") as store:
        store.save(state)
        same_bits(store.load_state(jax.eval_shape(lambda: state)), state)


def test_the_newest_two_are_kept_and_none_is_written_twice(directory, state):
    metadata = directory / "3" / "contents.json"
    with CheckpointStore(directory) as store:
        store.save(state._replace(step=jnp.int32(3)))
        store.wait()
        assert sorted(p.name for p in directory.iterdir()) == ["2", "3"]
        written = metadata.stat().st_mtime_ns
        store.save(state._replace(step=jnp.int32(3)))
        store.wait()
        assert metadata.stat().st_mtime_ns == written


def test_a_checkpoint_is_written_while_the_caller_goes_on(directory, state, monkeypatch):
    """It stays hidden until its checksums are there, and the next one waits for it."""
    checksums = threading.Event()
    write_contents = checkpoint.write_contents

    def wait_and_write(*args):
        assert checksums.wait(60)
        write_contents(*args)

    monkeypatch.setattr(checkpoint, "write_contents", wait_and_write)
    with CheckpointStore(directory) as store:
        store.save(state._replace(step=jnp.int32(3)))
        assert store.latest() == 2
        checksums.set()
        store.save(state._replace(step=jnp.int32(4)))
        assert store.latest() == 3
    assert store.steps() == [3, 4]


def test_an_error_of_the_writing_thread_is_raised_by_the_next_call(directory, state, monkeypatch):
    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with CheckpointStore(directory) as store:
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, "write_contents", fail)
            store.save(state._replace(step=jnp.int32(3)))
            with pytest.raises(UserError, match=rf"cannot write {directory / '3'}.*No space left"):
                store.save(state._replace(step=jnp.int32(4)))
        store.save(state._replace(step=jnp.int32(4)))
    assert sorted(p.name for p in directory.iterdir()) == ["2", "4"]


def test_checkpoints_of_the_period_are_kept(directory, state):
    with CheckpointStore(directory, keep=1, keep_period=2) as store:
        for step in (3, 4, 5, 6, 7):
            (directory / str(step)).mkdir(exist_ok=True)
            store.remove_old()
        assert store.steps() == [2, 4, 6, 7]


def test_what_a_killed_process_left_is_removed_without_writing(directory):
    (directory / ".1.0123abcd.dfplan-part" / "old").mkdir(parents=True)
    with CheckpointStore(directory) as store:
        steps = store.steps()
        store.remove_old()
    assert sorted(p.name for p in directory.iterdir()) == list(map(str, steps))


def test_no_checkpoint(tmp_path, state):
    store = CheckpointStore(tmp_path / "none")
    store.remove_old()
    assert store.latest() is None
    with pytest.raises(UserError, match=r"none holds no checkpoint"):
        store.load_state(state)
    assert not (tmp_path / "none").exists()


def data_file(item):
    return max((f for f in item.rglob("d/*") if f.is_file()), key=lambda f: f.stat().st_size)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGE = {
    "truncated array": lambda d: truncate(data_file(d / "training")),
    "truncated weights": lambda d: truncate(data_file(d / "weights")),
    "changed bit": lambda d: flip(data_file(d / "training")),
    "missing array": lambda d: data_file(d / "training").unlink(),
    "truncated manifest": lambda d: truncate(d / "training" / "manifest.ocdbt"),
    "missing item": lambda d: shutil.rmtree(d / "weights"),
    "truncated contents": lambda d: truncate(d / "contents.json"),
    "empty": lambda d: (shutil.rmtree(d), d.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_checkpoint(directory, load, damage, capfd):
    damage(directory / "2")
    with pytest.raises(UserError) as error:
        load()
    message = str(error.value)
    assert "\n" not in message and f"{directory / '2'} is damaged" in message
    assert "Traceback" not in capfd.readouterr().err
    # The message says to delete it.
    shutil.rmtree(directory / "2")
    assert int(load().step) == 1


def test_weights_do_not_need_the_training_state(directory, state, same_bits):
    shutil.rmtree(directory / "2" / "training")
    with CheckpointStore(directory) as store:
        same_bits(store.load_weights(state.ema), state.ema)


def test_weights_without_a_training_state_cannot_be_resumed(tmp_path, state, same_bits):
    with CheckpointStore(tmp_path) as store:
        store.check_resumable()  # from scratch
        store.save_weights(7, state.ema)
        same_bits(store.load_weights(jax.eval_shape(lambda: state.ema)), state.ema)
        for load in (store.check_resumable, lambda: store.load_state(state)):
            with pytest.raises(UserError, match=rf"{tmp_path / '7'} holds only weights"):
                load()
        flip(data_file(tmp_path / "7" / "weights"))
        with pytest.raises(UserError, match=r"changed since it was written"):
            store.load_weights(state.ema)


@pytest.mark.parametrize("item", ["weights", "training"])
def test_every_file_that_is_read_is_checked(directory, load, item):
    """A flipped bit in any file, also where no format checks, is one line that names the file."""
    for path in sorted((directory / "2" / item).rglob("*")):
        if not path.is_file() or not path.stat().st_size:
            continue
        flip(path)
        name = path.relative_to(directory / "2").as_posix()
        with pytest.raises(UserError, match=rf"{re.escape(name)} has changed"):
            load()
        flip(path)
    assert int(load().step) == 2


@pytest.mark.parametrize("name", ["layers=[64,64]", "a\\b", "gs:", "*?{x}"])
def test_any_path(name, tmp_path, state, same_bits):
    directory = tmp_path / name / "checkpoints"
    with CheckpointStore(directory) as store:
        store.save(state)
    with CheckpointStore(directory) as store:
        same_bits(store.load_state(jax.eval_shape(lambda: state)), state)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_a_killed_process_left_is_ignored_and_removed(directory, load, state):
    leftover = directory / ".3.0123abcd.dfplan-part"
    shutil.copytree(directory / "2", leftover / "new")
    assert int(load().step) == 2
    with CheckpointStore(directory) as store:
        store.save(state._replace(step=jnp.int32(4)))
    assert sorted(path.name for path in directory.iterdir()) == ["2", "4"]


@pytest.mark.filterwarnings("ignore:Exception ignored")  # in Orbax's threads
def test_a_checkpoint_that_cannot_be_written(directory, load, state, capfd):
    """Whichever operation fails: one line, no partial checkpoint, and older ones are kept."""

    def save(step):
        with CheckpointStore(directory) as store:
            store.save(state._replace(step=jnp.int32(step)))

    instants = count_instants(directory, lambda: save(3))
    messages = []
    for number in range(1, instants + 1, 5):
        step = 3 + number
        messages.append(attempt(number, directory, lambda step=step: save(step), errno.ENOSPC))
        assert messages[-1] or CheckpointStore(directory).latest() == step
    refusals = list(filter(None, messages))
    assert len(refusals) >= 3
    for message in refusals:
        assert message.startswith(f"cannot write {directory}") and "No space left" in message
        assert "\n" not in message
    assert int(load().step) >= 3
    assert "Traceback" not in capfd.readouterr().err


def test_checkpoint_of_another_model(spec, load, directory, capfd):
    for change in ({"width": 32}, {"layers": 3}):
        net = dataclasses.replace(spec.model.net, **change)
        other = spec._replace(model=dataclasses.replace(spec.model, net=net))
        with pytest.raises(UserError, match=r"another model .*shape.*the model has") as error:
            load(jax.eval_shape(lambda other=other: init_state(other)))
        assert "\n" not in str(error.value) and str(directory / "2") in str(error.value)
    assert not capfd.readouterr().err
