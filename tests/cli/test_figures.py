"""The figures of `dfplan eval --out`."""

import os
from types import SimpleNamespace

import numpy as np

from dfplan.cli import figures
from dfplan.tasks.registry import Task


def test_a_video_is_rendered_off_screen(monkeypatch, tmp_path):
    """Without a display, MuJoCo must be told so before its environment is made."""
    backends = []

    def make(**kwargs):
        backends.append(os.environ.get("MUJOCO_GL"))
        raise RuntimeError("no display")

    for name in ("MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    episodes = SimpleNamespace(seeds=np.array([3]))
    path = tmp_path / "episode.gif"
    task = Task("Walk-v0", "walk-v0")
    assert not figures._record_video(path, None, task, make=make, episodes=episodes, e=0)
    assert backends == ["egl"] and "MUJOCO_GL" not in os.environ
