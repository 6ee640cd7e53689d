"""Names of code in a file are imported only if an installed package declares them."""

import copy
import dataclasses
import json
import sys

import gymnasium as gym
import pytest

from dfplan.tasks.load import checkpoint_folder, load_function
from dfplan.tasks.make_env import make_env, open_env
from dfplan.tasks.registry import Task
from dfplan.tasks.trust import UntrustedCodeError, UntrustedName, distrust, trust, untrusted_code
from dfplan.types import UserError
from tests.tasks.test_registry import _clear_cache, install  # noqa: F401

PLANTED = """
import pathlib
import gymnasium

pathlib.Path(__file__).with_suffix(".ran").touch()
gymnasium.register("Planted-v0", entry_point="gymnasium.envs.classic_control:PendulumEnv")

def track(*args, **kwargs):
    raise AssertionError("called")
"""
DECLARED = {"env": "Pendulum-v1", "dataset": "a-v0", "tracker": "numpy:zeros"}
FILE = "runs/x/config.json"


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """An importable module that leaves a file when it is imported; returns that file."""
    (tmp_path / "planted.py").write_text(PLANTED)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "planted.ran"
    sys.modules.pop("planted", None)
    gym.registry.pop("Planted-v0", None)


def read(**names) -> Task:
    return distrust(Task(**{"env": "Pendulum-v1", "dataset": "a-v0", **names}), FILE)


def refusal(function, *args) -> str:
    with pytest.raises(UntrustedCodeError) as error:
        function(*args)
    message = str(error.value)
    assert "\n" not in message and FILE in message and "--trust-code" in message
    return message


@pytest.mark.parametrize("field", ["tracker", "policy", "collector", "markers"])
def test_functions_that_only_a_file_names(planted, field):
    task = read(**{field: "planted:track"})
    message = refusal(load_function, getattr(task, field))
    assert f"{field} 'planted:track'" in message
    assert not planted.exists() and untrusted_code(task) == {field: "planted:track"}
    assert load_function(getattr(trust(task), field)) is sys.modules["planted"].track


def test_functions_that_a_package_declares(monkeypatch):
    install(monkeypatch, {"walk": DECLARED})
    assert load_function(read(tracker="numpy:zeros").tracker).__name__ == "zeros"
    assert untrusted_code(read(tracker="numpy:zeros")) == {}
    refusal(load_function, read(tracker="numpy:ones").tracker)
    # What is declared as a tracker is no policy.
    refusal(load_function, read(policy="numpy:zeros").policy)


def test_trackers_that_a_package_declares(tmp_path, monkeypatch):
    info = tmp_path / "own_trackers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-trackers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dfplan.trackers]\nown = numpy:ones\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert load_function(read(tracker="numpy:ones").tracker).__name__ == "ones"
    refusal(load_function, read(tracker="numpy:zeros").tracker)
    refusal(load_function, read(policy="numpy:ones").policy)


def test_environments_that_a_package_declares(planted, monkeypatch):
    install(monkeypatch, {"walk": {**DECLARED, "env": "planted:Planted-v0"}})
    make_env(read(env="planted:Planted-v0").env).close()
    assert planted.exists()


def test_packages_that_only_a_file_names(planted):
    refusal(checkpoint_folder, read(checkpoint="planted:folder"))
    assert not planted.exists()


@pytest.mark.parametrize("make", [make_env, lambda env: open_env(env).__enter__()])
def test_environments_whose_module_a_file_names(planted, make):
    message = refusal(make, read(env="planted:Planted-v0").env)
    assert "'planted'" in message and "'planted:Planted-v0'" in message and "--env" in message
    assert not planted.exists()
    make_env(trust(read(env="planted:Planted-v0")).env).close()
    assert planted.exists()


def test_environments_that_are_registered_already(planted):
    import planted as module  # type: ignore[import-not-found]

    planted.unlink()
    del sys.modules[module.__name__]
    make_env(read(env="planted:Planted-v0").env).close()
    assert not planted.exists()  # of the name, only the id was used
    make_env(read(env="Pendulum-v1").env, {"g": 9.0, "max_episode_steps": 3}).close()


def test_environments_that_make_others():
    for name in ("GymV21Environment-v0", "GymV26Environment"):
        refusal(make_env, read(env=name).env, {"env_id": "planted:Planted-v0"})


def test_unknown_environments_are_not_a_matter_of_trust():
    with pytest.raises(UserError, match="did you mean Pendulum-v1") as error:
        make_env(read(env="Pendulam-v1").env)
    assert not isinstance(error.value, UntrustedCodeError)


def test_a_name_stays_untrusted_in_copies_and_is_text_in_files():
    task = read(tracker="planted:track")
    copies = [copy.deepcopy(task).tracker, dataclasses.replace(task, name="a").tracker]
    copies += [copy.copy(task.tracker), task.to_dict()["tracker"]]
    for name in copies:
        assert isinstance(name, UntrustedName) and (name.field, name.file) == ("tracker", FILE)
    assert json.loads(json.dumps(task.to_dict())) == json.loads(json.dumps(trust(task).to_dict()))
    assert task == trust(task) and type(trust(task).tracker) is str


@pytest.mark.parametrize("value", [None, 3, ["os", "system"], {}])
@pytest.mark.parametrize("field", ["env", "tracker"])
def test_names_are_text(field, value):
    with pytest.raises(UserError, match=f"task.{field} is .*; needed: text"):
        read(**{field: value})
