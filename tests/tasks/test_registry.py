"""Tasks are found through entry points, and their own settings override presets."""

import json
from types import SimpleNamespace

import pytest

from dfplan.config import Config
from dfplan.runs.presets import PRESETS, make_config
from dfplan.tasks import registry as tasks
from dfplan.tasks.registry import Task, all_tasks, get_task
from dfplan.types import UserError

RECORD = {"env": "Walk-v0", "dataset": "walk-v0", "preset": {"data.stride": 3}}


def install(monkeypatch, *packages):
    """Make these the only packages with tasks; each is a dict or an error."""

    def point(i, package):
        def load():
            if isinstance(package, Exception):
                raise package
            return package

        return SimpleNamespace(name=f"package{i}", value=f"package{i}:TASKS", load=load)

    points = [point(i, p) for i, p in enumerate(packages)]
    monkeypatch.setattr(tasks, "entry_points", lambda group: points if group == tasks.GROUP else [])
    all_tasks.cache_clear()


@pytest.fixture(autouse=True)
def _clear_cache():
    yield
    all_tasks.cache_clear()


def test_tasks_of_all_packages(monkeypatch):
    install(monkeypatch, {"walk": RECORD}, {"run": RECORD | {"env": "Run-v0"}})
    assert set(all_tasks()) == {"walk", "run"}
    assert get_task("run") == Task("Run-v0", "walk-v0", "run", preset={"data.stride": 3})


def test_installed_tasks_are_found():
    pytest.importorskip("dfplan_envs")
    task = get_task("pointmaze-umaze")
    assert task.name == "pointmaze-umaze" and task.score == {"min": 23.85, "max": 161.86}
    assert make_config(task).data.rest_dims == (2, 3)


def test_unknown_task_lists_close_names_first(monkeypatch):
    install(monkeypatch, {"aaa": RECORD, "maze-large": RECORD, "maze-umaze": RECORD})
    with pytest.raises(UserError, match=r"'maze-umaz'; valid: maze-umaze, .*aaa"):
        get_task("maze-umaz")


def test_no_tasks(monkeypatch):
    install(monkeypatch)
    with pytest.raises(UserError, match=r"valid: none \(install dfplan-envs\)"):
        get_task("maze")


@pytest.mark.parametrize(
    "broken", [ImportError("no\nmodule"), {"walk": {"env": "x"}}, {"walk": {"no": 1}}, 3], ids=str
)
def test_broken_package_does_not_hide_the_others(monkeypatch, broken):
    install(monkeypatch, broken, {"run": RECORD})
    with pytest.warns(UserWarning, match="'package0' .*cannot be loaded") as caught:
        assert set(all_tasks()) == {"run"}
    assert "\n" not in str(caught[0].message)


def test_json_round_trip():
    task = Task("a:Walk-v0", "walk-v0", "walk", env_kwargs={"map": [[1, 0]]}, score={"min": 0.5})
    assert Task.from_dict(json.loads(json.dumps(task.to_dict()))) == task


def test_a_tasks_own_settings_override_the_preset():
    task = Task("Walk-v0", "walk-v0", preset={"net.width": 32, "data.stride": 3})
    config = make_config(task, "large")
    assert config.net.width == 32 and config.data.stride == 3
    assert config.net.layers == PRESETS["large"]["net.layers"] != Config().net.layers
    assert make_config(Task("", "")) == Config().override(PRESETS["default"])


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_valid(preset):
    assert make_config(Task("", ""), preset) == Config().override(PRESETS[preset])


def test_unknown_preset():
    with pytest.raises(UserError, match="'huge'; valid: small, default, large"):
        make_config(Task("", ""), "huge")
