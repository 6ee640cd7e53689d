"""Killed or refused training leaves a complete run or none; only one process trains a run."""

import shutil

import jax
import pytest

from dfplan.runs import begin as begin_module
from dfplan.runs import train as train_module
from dfplan.runs.run import Run, checkpoints, load_weights
from dfplan.runs.train import resume, train
from dfplan.types import UserError
from dfplan.util.locks import LockedError, exclusive
from dfplan.util.places import HIDDEN

from . import test_train
from .test_train import GOAL, TASK, untrained

dataset = test_train.dataset


class Killed(BaseException):
    """Ends a process without any cleaning, as far as a test can."""


def begin(config, out, init_from=None):
    """Write a run, killed before its first step."""
    with pytest.MonkeyPatch.context() as patch:

        def kill(*args, **kwargs):
            raise Killed

        patch.setattr(train_module, "fit", kill)
        with pytest.raises(Killed):
            train(TASK, config, out, goal_dims=GOAL, init_from=init_from)


def test_a_run_keeps_the_weights_it_begins_with(dataset, tiny_config, tmp_path, same_bits):
    _, weights = untrained(tiny_config, tmp_path / "a")
    begin(tiny_config, tmp_path / "b", init_from=tmp_path / "a")
    run = resume(tmp_path / "b", stop_step=0)
    assert run.init_from == str(tmp_path / "a")
    same_bits(load_weights(run, tmp_path / "b").params, jax.tree.map(jax.numpy.asarray, weights))
    shutil.rmtree(checkpoints(tmp_path / "b"))
    with pytest.raises(UserError, match=rf"lost .* {tmp_path / 'a'}"):
        resume(tmp_path / "b", stop_step=0)


@pytest.mark.parametrize("name", ["layers=[64,64]", "a\\b"])
def test_a_run_directory_of_any_name(dataset, tiny_config, tmp_path, name):
    untrained(tiny_config, tmp_path / name)
    assert load_weights(Run.load(tmp_path / name), tmp_path / name).states
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_bucket_is_refused_before_anything_is_read(tiny_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"gs:.*URL"):
        train(TASK, tiny_config, "gs://bucket/run", goal_dims=GOAL)
    assert not list(tmp_path.iterdir())


def test_two_trainings_into_one_directory(dataset, tiny_config, tmp_path, monkeypatch):
    out = tmp_path / "run"
    load = begin_module.load_source

    def load_while_another_begins(*args, **kwargs):
        monkeypatch.setattr(begin_module, "load_source", load)
        with pytest.raises(LockedError, match=str(out)):
            train(TASK, tiny_config, out, goal_dims=GOAL)
        return load(*args, **kwargs)

    monkeypatch.setattr(begin_module, "load_source", load_while_another_begins)
    train(TASK, tiny_config, out, stop_step=0, goal_dims=GOAL)
    with exclusive(checkpoints(out)), pytest.raises(LockedError, match=str(out)):
        resume(out, stop_step=0)
    assert not [path for path in out.iterdir() if HIDDEN in path.name]


def test_settings_that_fail_in_training_do_not_take_the_name(
    dataset, tiny_config, tmp_path, monkeypatch
):
    def fail(*args, **kwargs):
        raise UserError("this schedule does not work")

    monkeypatch.setattr("dfplan.training.step.denoising_loss", fail)
    config = tiny_config.override({"training.batch_size": 5})  # traced nowhere else
    with pytest.raises(UserError, match="does not work"):
        train(TASK, config, tmp_path / "run", stop_step=0, goal_dims=GOAL)
    assert not list(tmp_path.iterdir())
