"""A packed run plans as the run does, is small, and is no run to train on."""

import dataclasses
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.config import Config
from dfplan.runs.pack import pack
from dfplan.runs.run import Run, checkpoints, load_weights
from dfplan.tasks.registry import Task
from dfplan.runs.train import resume
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.step import TrainSpec, init_state
from dfplan.types import UserError

TASK = Task("package:Walk-v0", "tiny-v0", "walk")


def make_run(data, config, directory):
    """A run with checkpoints of the steps 3 and 5, whose weights are 1 and 2 above the first."""
    run = Run.create(TASK, config, data, "dfplan train walk --out x")
    run.save(directory)
    state = init_state(TrainSpec(run.model, config.data, config.training))
    store = CheckpointStore(checkpoints(directory))
    for step, more in ((3, 1), (5, 2)):
        ema = jax.tree.map(lambda e, more=more: e + more, state.ema)
        store.save(state._replace(step=jnp.int32(step), ema=ema))
    store.close()
    (directory / "metrics.jsonl").write_text("{}\n")
    (directory / "tensorboard").mkdir()
    return run


@pytest.fixture
def source(tiny_data, tiny_config, tmp_path):
    make_run(tiny_data, tiny_config, tmp_path / "run")
    return tmp_path / "run"


def names(directory):
    return sorted(p.name for p in directory.iterdir())


def checksums(directory):
    return {p: zlib.crc32(p.read_bytes()) for p in directory.rglob("*") if p.is_file()}


def test_the_copy_plans_as_the_run_does(source, tmp_path):
    before = checksums(source)
    out = tmp_path / "new" / "packed"
    size = pack(source, out)
    assert size == sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    run, copy = Run.load(source), Run.load(out)
    assert (out / "config.json").read_text() == (source / "config.json").read_text()
    a, b = load_weights(run, source), load_weights(copy, out)  # with normalisers and support
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(np.testing.assert_array_equal, a, b)
    first = jax.tree.leaves(run.model.init(run.config.training.seed))[0]
    np.testing.assert_array_equal(jax.tree.leaves(b.params)[0], first + 2)  # the newest
    assert names(out) == ["checkpoints", "config.json"]
    assert names(out / "checkpoints") == ["5"]
    assert not list(out.rglob("training"))
    assert names(tmp_path / "new") == ["packed"]  # nothing else is left
    text = "".join(p.read_text(errors="ignore") for p in out.rglob("*") if p.is_file())
    assert str(tmp_path) not in text  # nor does it tell of this machine
    assert checksums(source) == before


def test_a_default_network_is_small(tiny_data, tmp_path):
    config = Config().override({"data.tokens": 6, "data.stride": 2})
    run = Run.create(TASK, config, tiny_data)
    run.save(tmp_path / "run")
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda: run.model.init(0))
    weights = jax.tree.map(lambda w: rng.normal(size=w.shape).astype(np.float32), shapes)
    store = CheckpointStore(checkpoints(tmp_path / "run"))
    store.save_weights(1, weights)
    store.close()
    assert pack(tmp_path / "run", tmp_path / "packed") < 4e6


def test_an_empty_directory_will_do(source, tmp_path):
    (tmp_path / "packed").mkdir()
    pack(source, tmp_path / "packed")
    assert load_weights(Run.load(source), tmp_path / "packed")
    with pytest.raises(UserError, match="packed exists and is not empty"):
        pack(source, tmp_path / "packed")


def test_out_that_cannot_be_written(source, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="file exists and is not empty"):
        pack(source, tmp_path / "file")
    with pytest.raises(UserError, match=r"cannot write .*file/new: .*exists"):
        pack(source, tmp_path / "file" / "new")
    with pytest.raises(UserError, match="run exists and is not empty"):
        pack(source, source)
    assert (tmp_path / "file").read_text() == "mine"


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def weight_files(directory):
    return sorted(p for p in directory.glob("checkpoints/5/weights/**/*") if p.is_file())


def test_damage_of_the_run_is_not_packed(source, tmp_path):
    flip(max(weight_files(source), key=lambda p: p.stat().st_size))
    with pytest.raises(UserError, match="5 is damaged"):
        pack(source, tmp_path / "packed")
    with pytest.raises(UserError, match="is no run"):
        pack(tmp_path, tmp_path / "packed")
    (source / "config.json").write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        pack(source, tmp_path / "packed")
    assert names(tmp_path) == ["run"]


def test_any_damaged_file_of_weights_is_noticed(source, tmp_path):
    out = tmp_path / "packed"
    pack(source, out)
    run, files = Run.load(out), weight_files(out)
    assert len(files) > 3
    for path in files:
        whole = path.read_bytes()
        flip(path)
        with pytest.raises(UserError, match="is damaged"):
            load_weights(run, out)
        path.unlink()
        with pytest.raises(UserError, match="is damaged"):
            load_weights(run, out)
        path.write_bytes(whole)
    load_weights(run, out)


def test_settings_of_another_model(source, tmp_path):
    pack(source, tmp_path / "packed")
    run = Run.load(source)
    other = dataclasses.replace(run, config=run.config.override({"net.width": 32}))
    with pytest.raises(UserError, match=r"of another model .*shape"):
        load_weights(other, tmp_path / "packed")


def test_a_packed_run_is_not_trained_on(source, tmp_path):
    pack(source, tmp_path / "packed")
    before = checksums(tmp_path / "packed")
    # Said before the dataset is looked for: it is often not there.
    with pytest.raises(UserError, match=r"5 holds weights alone, as of a packed run") as error:
        resume(tmp_path / "packed")
    assert "\n" not in str(error.value)
    assert checksums(tmp_path / "packed") == before


def test_a_packed_run_can_be_packed(source, tmp_path):
    size = pack(source, tmp_path / "packed")
    assert abs(pack(tmp_path / "packed", tmp_path / "again") - size) < 0.2 * size
