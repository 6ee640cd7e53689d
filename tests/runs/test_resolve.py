"""A run is found by its directory, or by the name of a task with a pretrained run."""

import dataclasses
import importlib
import shutil
import sys

import jax
import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.runs.fit import fit_run
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import Run, checkpoints
from dfplan.tasks.load import checkpoint_folder
from dfplan.tasks.registry import Task
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
    """A package with tasks and one pretrained run, `walk`; returns the package's directory."""
    package = tmp_path / "site" / "shop"
    config = tiny_config.override({"planner.candidates": 3})
    run = fit_run(OLD, config, tiny_data, command="dfplan train walk")
    run.save(package / "walk")
    store = CheckpointStore(checkpoints(package / "walk"))
    store.save_weights(4, run.model.init(1))
    store.close()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(package.parent)
    install(monkeypatch, TASKS)
    importlib.invalidate_caches()
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    yield package
    sys.modules.pop("shop", None)


@pytest.mark.parametrize("name", ["walk", "walk-far"])
def test_a_task_brings_everything_except_what_was_trained(shop, name):
    resolved = resolve_run(name)
    assert resolved.directory == shop / "walk" and resolved.name == "shop:walk"
    task = Task.from_dict({"name": name, **TASKS[name]})
    assert resolved.run.task == dataclasses.replace(task, dataset="tiny-v1")
    pretrained = Run.load(shop / "walk")
    assert resolved.run.config == pretrained.config
    assert resolved.run.config.planner.candidates == 3
    assert resolved.run.command == "dfplan train walk"


def test_agent_of_a_task(shop):
    agent = Agent.load("walk", planner={"sampling.steps": 2})
    run = Run.load(shop / "walk")
    jax.tree.map(np.testing.assert_array_equal, agent.weights.params, run.model.init(1))
    assert (agent.planner.config.candidates, agent.planner.config.sampling.steps) == (3, 2)


def test_a_resolved_run_with_other_planner_settings(shop):
    resolved = resolve_run("walk")
    changed = resolved.with_planner({"candidates": 7})
    replaced = resolved.replace_planner(changed.run.config.planner)
    assert changed.run.config == replaced.run.config
    assert changed.run.config.planner.candidates == 7
    for name in ("directory", "name"):
        assert getattr(changed, name) == getattr(replaced, name) == getattr(resolved, name)
    params = replaced.load_weights().params
    jax.tree.map(np.testing.assert_array_equal, params, resolved.run.model.init(1))


@pytest.mark.parametrize("convert", [str, lambda path: path], ids=["str", "path"])
def test_a_directory_takes_precedence_over_a_task(shop, tmp_path, convert):
    (tmp_path / "cwd" / "walk").mkdir()
    assert resolve_run("walk").name == "shop:walk"  # a directory without a run
    copy = shutil.copytree(shop / "walk", tmp_path / "cwd" / "walk", dirs_exist_ok=True)
    resolved = resolve_run(convert(copy.relative_to(tmp_path / "cwd")))
    assert (resolved.name, resolved.directory.resolve(), resolved.run.task) == ("walk", copy, OLD)
    (copy / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"walk/config\.json "):
        resolve_run("walk")


def test_neither_a_run_nor_a_task(shop):
    with pytest.raises(UserError, match=r"walk-fat .*valid tasks: walk-far, walk$"):
        resolve_run("walk-fat")


def test_a_task_without_a_checkpoint(shop):
    with pytest.raises(UserError, match=r"task own .*no checkpoint.*dfplan train own --out"):
        resolve_run("own")


def test_no_package_with_tasks(monkeypatch):
    install(monkeypatch)
    with pytest.raises(UserError, match=r"valid tasks: none \(install dfplan-envs\)"):
        resolve_run("walk")


def test_what_is_missing_in_a_package(shop):
    (shop / "walk" / "config.json").unlink()
    with pytest.raises(UserError, match=r"shop/walk .*config\.json"):
        resolve_run("walk")
    shutil.rmtree(shop / "walk")
    with pytest.raises(UserError, match=r"'shop:walk'.*shop/walk .*reinstall shop"):
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
    with pytest.raises(UserError, match=r"'boxed:walk' .*archive; install boxed"):
        checkpoint_folder(Task("Walk-v0", "tiny-v0", checkpoint="boxed:walk"))
    sys.modules.pop("boxed")
