"""Environments that cannot be made are reported in one line."""

import contextlib
import types

import gymnasium
import mujoco
import numpy as np
import pytest

from dfplan.tasks import author_warnings
from dfplan.tasks.make_env import UnknownEnvError, make_env
from dfplan.tasks.protocols import SeedProtocol, begin_episode
from dfplan.types import UserError


class Unsupported(gymnasium.Env):
    def __init__(self):
        joint = "free"
        assert joint in ("hinge", "slide")


def test_a_failed_assertion_names_the_other_constraints():
    gymnasium.register("test/Unsupported-v0", Unsupported)
    try:
        with pytest.raises(UserError, match=r"Unsupported-v0'.*constraints-robotics\.txt$") as e:
            make_env("test/Unsupported-v0")
    finally:
        del gymnasium.registry["test/Unsupported-v0"]
    assert "\n" not in str(e.value)


def test_a_missing_render_mode_is_left_to_the_caller(recwarn):
    class Plain(gymnasium.Env):
        observation_space = action_space = gymnasium.spaces.Box(-1, 1, (1,))

        def __init__(self, render_mode=None):
            self.render_mode = render_mode

    gymnasium.register("Plain-v0", entry_point=Plain)
    with contextlib.suppress(UserError):  # Newer versions of Gymnasium refuse it.
        make_env("Plain-v0", render_mode="rgb_array").close()
    del gymnasium.registry["Plain-v0"]
    assert not [warning for warning in recwarn if "render_mode" in str(warning.message)]


def narrow_space():
    return gymnasium.spaces.Box(np.array([-0.1]), np.array([0.1]))


class Narrow(gymnasium.Env):
    """Makes spaces again at every reset, as OGBench's arm does."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,))

    def __init__(self):
        self.action_space = narrow_space()

    def reset(self, *, seed=None, options=None):
        narrow_space()
        return np.zeros(1, np.float32), {}


def test_rounded_bounds_of_spaces_are_not_reported(recwarn):
    gymnasium.register("Narrow-v0", entry_point=Narrow)
    begin_episode(SeedProtocol(), make_env("Narrow-v0"), 0, None)
    del gymnasium.registry["Narrow-v0"]
    assert not [warning for warning in recwarn if "precision" in str(warning.message)]


def test_a_warning_of_mujoco_is_shown_once(monkeypatch, capsys):
    class Outdated(gymnasium.Env):
        observation_space = action_space = gymnasium.spaces.Box(-1, 1, (1,))

        def __init__(self, text):
            mujoco.get_mju_user_warning()(text)

    monkeypatch.setattr(author_warnings, "_shown", set())
    monkeypatch.setitem(
        gymnasium.registry,
        "Outdated-v0",
        gymnasium.envs.registration.EnvSpec("Outdated-v0", Outdated),
    )
    before = mujoco.get_mju_user_warning()
    for text in ("deprecated", "deprecated", "small mesh"):
        make_env("Outdated-v0", text=text)
        assert mujoco.get_mju_user_warning() is before
    shown = ["warning of MuJoCo: deprecated", "warning of MuJoCo: small mesh"]
    assert capsys.readouterr().err.splitlines() == shown


@pytest.mark.parametrize(
    ("requirement", "hint"),
    [
        (
            'no-such-simulator>=2; extra == "robots"',
            'no-such-simulator is not installed: pip install "toys[robots]"',
        ),
        ("no-such-simulator-2; extra == 'robots'", "No module named 'no-such-simulator'"),
        ("no-such-simulator>=2", "No module named 'no-such-simulator'"),
    ],
)
def test_a_missing_package_names_the_extra_that_installs_it(requirement, hint, monkeypatch):
    package = types.SimpleNamespace(name="toys", requires=["numpy", requirement])
    entry = types.SimpleNamespace(dist=package)
    monkeypatch.setattr("dfplan.tasks.make_env.entry_points", lambda group: [entry])
    with pytest.raises(UnknownEnvError) as e:
        make_env("no-such-simulator:Arm-v0")
    assert str(e.value).startswith(f"cannot make environment 'no-such-simulator:Arm-v0': {hint}")
