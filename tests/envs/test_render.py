"""Rendered frames and drawings."""

import time
import warnings

import gymnasium as gym
import numpy as np
import pytest

import dfplan_envs  # noqa: F401
from dfplan_envs.pointmaze import render

BLUE = np.array([43, 108, 176])


@pytest.fixture
def no_opengl(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "off")
    render._can_render.cache_clear()
    yield
    render._can_render.cache_clear()


def make_env():
    return gym.make("dfplan/PointMaze_Large_D4RL-v0", render_mode="rgb_array")


def test_frame_with_the_default_renderer(capfd):
    env = make_env()
    env.reset(seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = env.render()
    assert frame.dtype == np.uint8 and frame.shape == (480, 480, 3) and frame.std() > 10
    assert "Traceback" not in capfd.readouterr().err
    env.close()


def test_fallback_warns_once(no_opengl):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            env = make_env()
            env.reset(seed=0)
            env.render()
            env.render()
    assert sum("matplotlib" in str(w.message) for w in caught) == 1


@pytest.mark.filterwarnings("ignore:.*off-screen")
def test_fallback_draws_the_ball_at_its_position(no_opengl):
    env = make_env()
    for cell in ((1, 1), (7, 10)):
        env.reset(seed=0, options={"start": env.unwrapped.maze.center(cell), "goal_cell": (3, 5)})
        frame = env.render()
        rows, columns = np.nonzero(np.abs(frame - BLUE).sum(axis=-1) < 10)
        # 12 by 9 cells of 40 pixels each, with margins of 60 pixels above and below.
        assert abs(columns.mean() - (40 * cell[1] + 20)) < 2
        assert abs(rows.mean() - (60 + 40 * cell[0] + 20)) < 2


@pytest.mark.filterwarnings("ignore:.*off-screen")
def test_fallback_is_fast(no_opengl):
    env = make_env()
    env.reset(seed=0)
    env.render()
    start = time.perf_counter()
    for _ in range(20):
        env.step(env.action_space.sample())
        env.render()
    assert (time.perf_counter() - start) / 20 < 0.02


def test_probe_survives_a_failing_driver_and_imports_nothing_from_here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("open('imported', 'w')")
    monkeypatch.setattr(render, "_PROBE_SCRIPT", "import json, os; os.abort()")
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    render._can_render.cache_clear()
    with pytest.warns(UserWarning, match="MUJOCO_GL=egl"):
        assert render.has_opengl() is False
    assert not (tmp_path / "imported").exists()
    render._can_render.cache_clear()


def test_draw_in_meters():
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

    env = gym.make("dfplan/PointMaze_UMaze_Robotics-v0").unwrapped
    env.reset(seed=0)
    ax = Figure().add_subplot()
    env.draw(ax)
    (disc,) = [patch for patch in ax.patches if isinstance(patch, Circle)]
    np.testing.assert_allclose(disc.center, env.goal)
    assert disc.radius == 0.45 and ax.get_aspect() == 1.0
    assert len(ax.collections[0].get_paths()) == len(env.maze.walls)
    assert ax.get_xlim() == (-2.5, 2.5) and ax.get_ylim() == (-2.5, 2.5)


def test_renderer_is_accessible_as_in_gymnasium_environments():
    env = make_env()
    env.reset(seed=0)
    assert env.unwrapped.mujoco_renderer is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = env.render().astype(int)
        if not render.has_opengl():
            assert env.unwrapped.mujoco_renderer is None
            return
    env.unwrapped.mujoco_renderer.viewer.add_marker(size=np.full(3, 2.0), pos=np.zeros(3))
    marked = env.render().astype(int)
    assert np.abs(marked - plain)[200:280, 200:280].mean() > 30
    assert np.abs(env.render() - plain).max() == 0
    env.close()
