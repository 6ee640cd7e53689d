"""Environments that cannot be made are reported in one line."""

import gymnasium
import pytest

from dfplan.tasks.make_env import make_env
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
