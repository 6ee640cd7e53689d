"""MuJoCo's frames."""

import gymnasium as gym
import pytest

from dfplan.plots.mujoco_frames import follow_robot


@pytest.mark.parametrize(("options", "name"), [({}, "track"), ({"camera_id": 0}, None)])
def test_the_camera_follows_the_robot_unless_one_is_named(options, name):
    with gym.make("Hopper-v5", render_mode="rgb_array", **options) as env:
        follow_robot(env)
        renderer = env.unwrapped.mujoco_renderer
        expected = env.unwrapped.model.camera(name).id if name else options["camera_id"]
        assert renderer.camera_id == expected


def test_models_without_such_a_camera_are_left_alone():
    with gym.make("Reacher-v5", render_mode="rgb_array") as env:
        follow_robot(env)
        assert env.unwrapped.mujoco_renderer.camera_id == -1
