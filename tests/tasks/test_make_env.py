"""Environments that cannot be made are reported in one line."""

import contextlib
import types

import gymnasium
import mujoco
import numpy as np
import pytest

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


def test_mujoco_does_not_report_an_outdated_model_once_it_is_imported():
    messages = []
    handler = messages.append
    mujoco.set_mju_user_warning(handler)
    try:
        make_env("HalfCheetah-v5").close()
        assert messages == [] and mujoco.get_mju_user_warning() is handler
        gymnasium.make("HalfCheetah-v5").close()
        assert messages  # MuJoCo reports it; delete the test once it no longer does.
    finally:
        mujoco.set_mju_user_warning(None)


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
