"""A packed run plans as the run does, is small, and cannot be trained further."""

import dataclasses
import errno
import functools
import operator
import shutil
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.config import Config
from dfplan.runs.fit import fit_run
from dfplan.runs.pack import pack
from dfplan.runs.run import Run, checkpoints, load_weights
from dfplan.runs.train import resume
from dfplan.tasks.registry import Task
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.step import TrainSpec, init_state
from dfplan.types import UserError
from tests.faults import attempt, count_instants

TASK = Task("package:Walk-v0", "tiny-v0", "walk")


def make_run(data, config, directory):
    """A run with checkpoints at steps 3 and 5: the initial weights plus 1 and plus 2."""
    run = fit_run(TASK, config, data, command="dfplan train walk --out x")
    run.save(directory)
    state = init_state(TrainSpec(run.model, config.data, config.training))
    store = CheckpointStore(checkpoints(directory))
    for step, offset in ((3, 1), (5, 2)):
        ema = jax.tree.map(functools.partial(operator.add, offset), state.ema)
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
    run = Run.load(source)
    copy = Run.load(out)
    assert (out / "config.json").read_text() == (source / "config.json").read_text()
    weights = load_weights(copy, out)
    expected = load_weights(run, source)  # with normalizers and support
    assert jax.tree.structure(weights) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, weights, expected)
    first = jax.tree.leaves(run.model.init(run.config.training.seed))[0]
    np.testing.assert_array_equal(jax.tree.leaves(weights.params)[0], first + 2)  # newest
    assert names(out) == ["checkpoints", "config.json"]
    assert names(out / "checkpoints") == ["5"]
    assert not list(out.rglob("training"))
    assert names(tmp_path / "new") == ["packed"]  # no temporary files
    text = "".join(p.read_text(errors="ignore") for p in out.rglob("*") if p.is_file())
    assert str(tmp_path) not in text  # no path of this machine
    assert checksums(source) == before


def test_a_default_network_is_small(tiny_data, tmp_path):
    config = Config().override({"data.tokens": 6, "data.stride": 2})
    run = fit_run(TASK, config, tiny_data)
    run.save(tmp_path / "run")
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda: run.model.init(0))
    weights = jax.tree.map(lambda w: rng.normal(size=w.shape).astype(np.float32), shapes)
    store = CheckpointStore(checkpoints(tmp_path / "run"))
    store.save_weights(1, weights)
    store.close()
    assert pack(tmp_path / "run", tmp_path / "packed") < 4e6


def test_out_may_be_an_empty_directory(source, tmp_path):
    (tmp_path / "packed").mkdir()
    pack(source, tmp_path / "packed")
    assert load_weights(Run.load(source), tmp_path / "packed")
    with pytest.raises(UserError, match=r"packed .*not empty"):
        pack(source, tmp_path / "packed")


def test_out_that_cannot_be_written(source, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match=r"file .*not empty"):
        pack(source, tmp_path / "file")
    with pytest.raises(UserError, match=r"cannot write .*file/new: .*exists"):
        pack(source, tmp_path / "file" / "new")
    with pytest.raises(UserError, match=r"run .*not empty"):
        pack(source, source)
    assert (tmp_path / "file").read_text() == "mine"


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def weight_files(directory):
    return sorted(p for p in directory.glob("checkpoints/5/weights/**/*") if p.is_file())


def test_a_damaged_run_is_not_packed(source, tmp_path):
    flip(max(weight_files(source), key=lambda p: p.stat().st_size))
    with pytest.raises(UserError, match="5 is damaged"):
        pack(source, tmp_path / "packed")
    with pytest.raises(UserError, match=r"config\.json"):
        pack(tmp_path, tmp_path / "packed")
    (source / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json cannot be read"):
        pack(source, tmp_path / "packed")
    assert names(tmp_path) == ["run"]


def test_a_copy_that_cannot_be_written_is_not_begun(source, tmp_path):
    """Whatever operation fails: one line, and nothing under the name."""

    def copy():
        pack(source, tmp_path / "packed")

    before = checksums(source)
    instants = count_instants(tmp_path, copy)
    shutil.rmtree(tmp_path / "packed")
    for number in range(1, instants + 1, 4):
        message = attempt(number, tmp_path, copy, code=errno.ENOSPC)
        if message:
            assert str(tmp_path / "packed") in message and "No space left" in message
        if (tmp_path / "packed").exists():  # Only cleaning up has failed.
            assert load_weights(Run.load(source), tmp_path / "packed")
            shutil.rmtree(tmp_path / "packed")
    copy()
    assert names(tmp_path) == ["packed", "run"]
    assert checksums(source) == before


def test_damage_to_any_file_of_weights_is_noticed(source, tmp_path):
    out = tmp_path / "packed"
    pack(source, out)
    run = Run.load(out)
    files = weight_files(out)
    assert len(files) > 3
    for path in files:
        content = path.read_bytes()
        flip(path)
        with pytest.raises(UserError, match="is damaged"):
            load_weights(run, out)
        path.unlink()
        with pytest.raises(UserError, match="is damaged"):
            load_weights(run, out)
        path.write_bytes(content)
    load_weights(run, out)


def test_settings_of_another_model(source, tmp_path):
    pack(source, tmp_path / "packed")
    run = Run.load(source)
    other = dataclasses.replace(run, config=run.config.override({"net.width": 32}))
    with pytest.raises(UserError, match=r"model .*shape"):
        load_weights(other, tmp_path / "packed")


def test_training_does_not_resume_from_a_packed_run(source, tmp_path):
    pack(source, tmp_path / "packed")
    before = checksums(tmp_path / "packed")
    # Refused before the dataset is looked for: it is often not on this machine.
    with pytest.raises(UserError, match=r"5 .*packed run") as error:
        resume(tmp_path / "packed")
    assert "\n" not in str(error.value)
    assert checksums(tmp_path / "packed") == before


def test_a_packed_run_can_be_packed(source, tmp_path):
    size = pack(source, tmp_path / "packed")
    assert abs(pack(tmp_path / "packed", tmp_path / "again") - size) < 0.2 * size
