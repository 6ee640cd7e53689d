"""MuJoCo's frames."""

from types import SimpleNamespace

import gymnasium as gym
import mujoco
import numpy as np
import pytest

from dfplan.plots.mujoco_frames import follow_robot, mujoco_viewer


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


@pytest.fixture
def scene_env():
    """An environment that renders like OGBench's, with a stand-in for the OpenGL part."""
    model = mujoco.MjModel.from_xml_string(
        "<mujoco><worldbody><geom type='sphere' size='0.1'/></worldbody></mujoco>"
    )
    scene = mujoco.MjvScene(model, maxgeom=4)

    class Renderer:
        def __init__(self):
            self.model = model
            self.scene = scene
            self.geoms = []

        def render(self):
            self.geoms = [scene.geoms[i].pos.tolist() for i in range(scene.ngeom)]
            scene.ngeom = 1  # The next frame begins with the model's own geom.
            return self.geoms

    Renderer.__module__ = "mujoco.renderer"
    scene.ngeom = 1
    env = SimpleNamespace(renderer=Renderer())
    env.unwrapped = env
    return env


def marker(height: float) -> dict:
    return {"type": 2, "size": np.full(3, 0.1), "pos": np.array([0, 0, height]), "rgba": np.ones(4)}


def test_markers_are_drawn_once_by_a_renderer_without_markers_of_its_own(scene_env):
    viewer = mujoco_viewer(scene_env)
    assert mujoco_viewer(scene_env) is viewer
    viewer.add_marker(**marker(1.0))
    viewer.add_marker(**marker(2.0))
    assert [pos[2] for pos in scene_env.renderer.render()[1:]] == [1.0, 2.0]
    assert len(scene_env.renderer.render()) == 1


def test_markers_are_turned(scene_env):
    viewer = mujoco_viewer(scene_env)
    turned = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    viewer.add_marker(**marker(1.0))
    viewer.add_marker(**marker(2.0), mat=turned.ravel())
    scene_env.renderer.render()
    np.testing.assert_array_equal(viewer.scn.geoms[1].mat, np.eye(3))
    np.testing.assert_array_equal(viewer.scn.geoms[2].mat, turned)


def test_markers_that_do_not_fit_into_the_scene_are_left_out(scene_env):
    viewer = mujoco_viewer(scene_env)
    for height in range(9):
        viewer.add_marker(**marker(float(height)))
    assert len(scene_env.renderer.render()) == viewer.scn.maxgeom == 4


def test_an_environment_without_a_renderer_has_no_viewer():
    env = SimpleNamespace(renderer=object())
    env.unwrapped = env
    assert mujoco_viewer(env) is None
