"""`dfplan render`: which renderer is used, and what is written."""

import json
import os
import warnings

import gymnasium as gym
import pytest
from PIL import Image

from dfplan.cli.rendering import off_screen
from dfplan_envs.pointmaze.env import PointMazeEnv
from dfplan_envs.pointmaze.render import has_opengl

SHORT = ["--seed", "7000", "--max-steps", "12"]


def frames_and_size(path):
    with Image.open(path) as image:
        return image.n_frames, image.size


def test_without_opengl_matplotlib_draws(dfplan, run, place, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "off")
    done = dfplan("render", run, *SHORT, "--episodes", 2, "--out", "new/v.gif", "--size", 200)
    assert (done.code, done.err) == (0, "")
    assert "wrote new/v.gif: 8 frames, drawn with matplotlib\n" in done.out
    count, size = frames_and_size(place / "new" / "v.gif")
    assert 2 <= count <= 8 and size == (200, 200)


class AlwaysRenders(PointMazeEnv):
    """Has a render mode whatever it is asked for, as OGBench's environments, but no OpenGL."""

    draw = None

    def __init__(self, render_mode=None, **kwargs):
        super().__init__(**kwargs)
        self.render_mode = "rgb_array"

    def render(self):
        raise RuntimeError("no OpenGL")


def test_matplotlib_draws_what_fails_to_render(dfplan, run, place):
    spec = gym.spec("dfplan/PointMaze_UMaze_D4RL-v0")
    gym.register("AlwaysRenders-v0", AlwaysRenders, kwargs=spec.kwargs, max_episode_steps=12)
    try:
        done = dfplan("render", run, *SHORT, "--env", "AlwaysRenders-v0", "--out", "v.gif")
    finally:
        del gym.registry["AlwaysRenders-v0"]
    assert done.code == 0
    assert "no OpenGL" in done.out and "drawn with matplotlib" in done.out
    assert "--positions" not in done.out  # which would not help


def test_mujoco_renders_if_it_can(dfplan, run, place):
    with off_screen(), warnings.catch_warnings(action="ignore"):
        if not has_opengl():
            pytest.skip("MuJoCo does not render here")
    done = dfplan("render", run, *SHORT, "--out", "v.gif", "--size", 100, "--json", "v.json")
    assert (done.code, done.err) == (0, "")
    assert done.out == "wrote v.gif: 4 frames, rendered by MuJoCo\n"
    assert json.loads((place / "v.json").read_text())["frames"] == 4
    assert frames_and_size(place / "v.gif")[1] == (100, 100)


def test_off_screen_restores_the_environment_variables(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    with off_screen():
        assert "MUJOCO_GL" not in os.environ
    monkeypatch.setattr("ctypes.util.find_library", lambda name: f"lib{name}.so.1")
    with off_screen():
        assert os.environ["MUJOCO_GL"] == "egl"
    assert "MUJOCO_GL" not in os.environ
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    with off_screen():
        assert os.environ["MUJOCO_GL"] == "osmesa"
    monkeypatch.delenv("MUJOCO_GL")
    monkeypatch.setenv("DISPLAY", ":0")
    with off_screen():
        assert "MUJOCO_GL" not in os.environ
