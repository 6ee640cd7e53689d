"""Nothing is imported from the current directory, except modules that the user names."""

import sys

import pytest

from dfplan.cli.own_code import import_own_env, load_own_function
from dfplan.tasks import perturb
from dfplan.tasks.registry import all_tasks
from dfplan.types import UserError
from dfplan.util.optional import import_optional
from dfplan.util.registry import Registry

PLANTED = """
import pathlib

pathlib.Path("ran").touch()
TASKS = {"planted-task": {"env": "Pendulum-v1", "dataset": "a-v0"}}
"""
GROUPS = ("dfplan.tasks", "dfplan.perturbations", "dfplan.rankers", "dfplan.protocols")


@pytest.fixture
def planted(place):
    """Modules in the current directory: a package with entry points, and an optional import."""
    (place / "planted_package.py").write_text(PLANTED)
    (place / "planted_extra.py").write_text(PLANTED)
    for suffix, files in {"dist-info": "METADATA", "egg-info": "PKG-INFO"}.items():
        info = place / f"planted_{suffix[:3]}-1.0.{suffix}"
        info.mkdir()
        text = f"Metadata-Version: 2.1\nName: planted-{suffix[:3]}\nVersion: 1.0\n"
        (info / files).write_text(text)
        points = "\n".join(f"[{group}]\np = planted_package:TASKS" for group in GROUPS)
        (info / "entry_points.txt").write_text(points)
    all_tasks.cache_clear()
    perturb.all_perturbations.cache_clear()
    yield place
    all_tasks.cache_clear()
    perturb.all_perturbations.cache_clear()
    for name in ("planted_package", "planted_extra", "planted_env"):
        sys.modules.pop(name, None)


def test_packages_in_the_current_directory_are_not_installed(dfplan, planted):
    done = dfplan("tasks")
    assert done.code == 0 and "planted-task" not in done.out
    perturb.all_perturbations()
    for group in GROUPS:
        assert "p" not in Registry("choice", group, {}).names()
    assert not (planted / "ran").exists()


def test_optional_packages_are_not_found_in_the_current_directory(dfplan, planted):
    path = list(sys.path)
    assert dfplan("tasks").code == 0
    with pytest.raises(UserError, match="planted-extra"):
        import_optional("planted_extra", "extra", "this test")
    assert sys.path == path and not (planted / "ran").exists()


def test_a_module_that_the_user_names_is_found_after_all_others(planted):
    (planted / "planted_env.py").write_text("import planted_extra\ndef act(observation): ...\n")
    (planted / "json.py").write_text(PLANTED)
    path = list(sys.path)
    assert load_own_function("json:dumps") is sys.modules["json"].dumps
    assert not (planted / "ran").exists()
    assert load_own_function("planted_env:act") is sys.modules["planted_env"].act
    assert (planted / "ran").exists() and sys.path == path


def test_a_module_may_change_the_path_for_itself(place, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (place / "planted_env.py").write_text("import sys\nsys.path.append('lib')\nact = print\n")
    path = list(sys.path)
    try:
        assert load_own_function("planted_env:act") is print
        assert sys.path == [*path, "lib"]
    finally:
        sys.modules.pop("planted_env", None)


@pytest.mark.parametrize("module", ["no_such_module_3", "no.such.module"])
def test_an_environment_in_a_module_that_does_not_exist(dfplan, place, module):
    import_own_env(f"{module}:Env-v0")
    done = dfplan("collect", "--env", f"{module}:Env-v0", "--dataset", "my/none-v0")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert f"{module}:Env-v0" in done.err


@pytest.mark.parametrize("code", ["def", "raise SystemExit(0)", "1 / 0", "import no_such_4"])
def test_an_environment_in_a_module_that_fails(dfplan, planted, code):
    (planted / "planted_env.py").write_text(code)
    done = dfplan("collect", "--env", "planted_env:Env-v0", "--dataset", "my/none-v0")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "'planted_env:Env-v0'" in done.err


def test_a_current_directory_that_is_gone(place, monkeypatch):
    folder = place / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(UserError, match="'no_such_5:act'"):
        load_own_function("no_such_5:act")
