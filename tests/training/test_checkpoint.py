"""Checkpoints come back as they were, or say in one line why not."""

import dataclasses
import shutil

import jax
import jax.numpy as jnp
import pytest

from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.step import init_state
from dfplan.types import UserError


@pytest.fixture(scope="module")
def state(spec):
    state = init_state(spec)
    return state._replace(ema=jax.tree.map(lambda e: e + 1, state.ema))


@pytest.fixture(scope="module")
def saved(state, tmp_path_factory):
    """A directory with checkpoints of the steps 1 and 2."""
    directory = tmp_path_factory.mktemp("saved") / "checkpoints"
    store = CheckpointStore(directory)
    for step in (1, 2):
        store.save(state._replace(step=jnp.int32(step)))
    store.close()
    return directory


@pytest.fixture
def directory(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "checkpoints")


@pytest.fixture
def load(directory, state):
    stores = []

    def load(like=None):
        stores.append(CheckpointStore(directory))
        return stores[-1].load_state(state if like is None else like)

    yield load
    for store in stores:
        store.close()


def test_round_trip(load, directory, state, same_bits):
    same_bits(load(), state._replace(step=jnp.int32(2)))
    store = CheckpointStore(directory)
    same_bits(store.load_weights(jax.eval_shape(lambda: state.ema)), state.ema)
    store.close()


def test_muon_round_trip(spec, tmp_path, same_bits):
    optimizer = dataclasses.replace(spec.training.optimizer, name="muon")
    training = dataclasses.replace(spec.training, optimizer=optimizer)
    state = init_state(spec._replace(training=training))
    store = CheckpointStore(tmp_path / "checkpoints")
    store.save(state)
    same_bits(store.load_state(jax.eval_shape(lambda: state)), state)
    store.close()


def test_newest_two_are_kept_and_none_is_written_twice(directory, state):
    store = CheckpointStore(directory)
    store.save(state._replace(step=jnp.int32(3)))
    assert sorted(p.name for p in directory.iterdir()) == ["2", "3"]
    written = (directory / "3" / "_CHECKPOINT_METADATA").stat().st_mtime_ns
    store.save(state._replace(step=jnp.int32(3)))
    assert (directory / "3" / "_CHECKPOINT_METADATA").stat().st_mtime_ns == written
    store.close()


def test_no_checkpoint(tmp_path, state):
    store = CheckpointStore(tmp_path / "none")
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
    # As the message says:
    shutil.rmtree(directory / "2")
    assert int(load().step) == 1


def test_weights_do_not_need_the_training_state(directory, state, same_bits):
    shutil.rmtree(directory / "2" / "training")
    store = CheckpointStore(directory)
    same_bits(store.load_weights(state.ema), state.ema)
    store.close()


def test_weights_alone_are_no_training_state(tmp_path, state, same_bits):
    store = CheckpointStore(tmp_path)
    store.check_resumable()  # from the start
    store.save_weights(7, state.ema)
    same_bits(store.load_weights(jax.eval_shape(lambda: state.ema)), state.ema)
    for load in (store.check_resumable, lambda: store.load_state(state)):
        with pytest.raises(UserError, match=r"7 holds weights alone.*run that was packed"):
            load()
    flip(data_file(tmp_path / "7" / "weights"))
    with pytest.raises(UserError, match="is not as it was written"):
        store.load_weights(state.ema)
    store.close()


def test_what_a_killed_run_leaves_is_passed_over(directory, load):
    left = shutil.copytree(directory / "2", directory / "3.orbax-checkpoint-tmp")
    (left / "commit_success.txt").unlink(missing_ok=True)
    truncate(data_file(left / "training"))
    (directory / "2" / "contents.json").unlink()
    assert int(load().step) == 2


def test_checkpoint_of_another_model(spec, load, directory, capfd):
    for change in ({"width": 32}, {"layers": 3}):
        net = dataclasses.replace(spec.model.net, **change)
        other = spec._replace(model=dataclasses.replace(spec.model, net=net))
        with pytest.raises(UserError, match=r"of another model .*shape.*the model has") as error:
            load(jax.eval_shape(lambda other=other: init_state(other)))
        assert "\n" not in str(error.value) and str(directory / "2") in str(error.value)
    assert not capfd.readouterr().err
