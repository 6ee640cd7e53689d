"""A run is found by its directory, or by the name of a task that comes trained."""

import dataclasses
import importlib
import shutil
import sys

import jax
import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import Run, checkpoints
from dfplan.tasks.registry import Task, checkpoint_folder
from dfplan.training.checkpoint import CheckpointStore
from dfplan.types import UserError

from tests.tasks.test_registry import _clear_cache, install  # noqa: F401

OLD = Task("Old-v0", "tiny-v1", "walk", tracker="old:track", score={"min": 0.0, "max": 1.0})
NEW = {"env": "Walk-v0", "dataset": "tiny-v9", "tracker": "numpy:zeros", "checkpoint": "shop:walk"}
TASKS = {
    "walk": NEW | {"score": {"min": 1.0, "max": 2.0}},
    "walk-far": NEW | {"env": "Far-v0"},
    "own": {"env": "Own-v0", "dataset": "own-v0"},
}


@pytest.fixture
def shop(tiny_data, tiny_config, tmp_path, monkeypatch):
    """A package with tasks and one trained run; returns its directory, with `walk` in it."""
    package = tmp_path / "site" / "shop"
    config = tiny_config.override({"planner.candidates": 3})
    run = Run.create(OLD, config, tiny_data, "dfplan train walk")
    run.save(package / "walk")
    store = CheckpointStore(checkpoints(package / "walk"))
    store.save_weights(4, run.model.init(1))
    store.close()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(package.parent)
    install(monkeypatch, TASKS)
    importlib.invalidate_caches()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield package
    sys.modules.pop("shop", None)


@pytest.mark.parametrize("name", ["walk", "walk-far"])
def test_a_task_brings_all_but_what_was_trained(shop, name):
    found = resolve_run(name)
    assert found.directory == shop / "walk" and found.name == "shop:walk"
    task = Task.from_dict({"name": name, **TASKS[name]})
    # What it was trained on stays what it was.
    assert found.run.task == dataclasses.replace(task, dataset="tiny-v1")
    trained = Run.load(shop / "walk")
    assert found.run.config == trained.config and found.run.config.planner.candidates == 3
    assert found.run.command == "dfplan train walk"


def test_agent_of_a_task(shop):
    agent = Agent.load("walk", planner={"sampling.steps": 2})
    run = Run.load(shop / "walk")
    jax.tree.map(np.testing.assert_array_equal, agent.weights.params, run.model.init(1))
    assert (agent.planner.config.candidates, agent.planner.config.sampling.steps) == (3, 2)


@pytest.mark.parametrize("as_given", [str, lambda path: path])
def test_a_directory_of_that_name_goes_first(shop, tmp_path, as_given):
    (tmp_path / "here" / "walk").mkdir()
    assert resolve_run("walk").name == "shop:walk"  # a directory without a run
    copy = shutil.copytree(shop / "walk", tmp_path / "here" / "walk", dirs_exist_ok=True)
    found = resolve_run(as_given(copy.relative_to(tmp_path / "here")))
    assert (found.name, found.directory.resolve(), found.run.task) == ("walk", copy, OLD)
    (copy / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"walk/config\.json is damaged"):
        resolve_run("walk")


def test_neither_a_run_nor_a_task(shop):
    with pytest.raises(UserError) as error:
        resolve_run("walk-fat")
    assert str(error.value) == (
        "walk-fat is neither a run (it has no config.json) nor a task with a checkpoint; "
        "valid tasks: walk-far, walk"
    )


def test_a_task_without_a_checkpoint(shop):
    with pytest.raises(UserError, match=r"own comes with no checkpoint; .*dfplan train own --out"):
        resolve_run("own")


def test_no_package_with_tasks(monkeypatch):
    install(monkeypatch)
    with pytest.raises(UserError, match=r"valid tasks: none \(install dfplan-envs\)"):
        resolve_run("walk")


def test_what_is_missing_in_a_package(shop):
    (shop / "walk" / "config.json").unlink()
    with pytest.raises(UserError, match=r"shop/walk is no run"):
        resolve_run("walk")
    shutil.rmtree(shop / "walk")
    with pytest.raises(UserError, match=r"'shop:walk': .*shop/walk; reinstall shop"):
        resolve_run("walk")


@pytest.mark.parametrize("checkpoint", ["no_such_package:walk", "sys:walk", ":walk", "a.b:walk"])
def test_a_checkpoint_that_no_package_holds(checkpoint):
    with pytest.raises(UserError) as error:
        checkpoint_folder(Task("Walk-v0", "tiny-v0", checkpoint=checkpoint))
    assert f"checkpoint {checkpoint!r}" in str(error.value) and "\n" not in str(error.value)


def test_a_package_in_an_archive(tmp_path, monkeypatch):
    (tmp_path / "boxed").mkdir()
    (tmp_path / "boxed" / "__init__.py").write_text("")
    archive = shutil.make_archive(str(tmp_path / "site"), "zip", tmp_path, "boxed")
    shutil.rmtree(tmp_path / "boxed")
    monkeypatch.syspath_prepend(archive)
    with pytest.raises(UserError, match=r"'boxed:walk' is in .*, an archive; install boxed as"):
        checkpoint_folder(Task("Walk-v0", "tiny-v0", checkpoint="boxed:walk"))
    sys.modules.pop("boxed")
