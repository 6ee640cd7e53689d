"""The figures of `dfplan eval --out`."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from dfplan.cli import eval as eval_command
from dfplan.cli import figures
from dfplan.tasks.registry import Task
from dfplan.types import UserError


@pytest.fixture
def headless(monkeypatch):
    """Imitate a Linux machine that has EGL but no display."""
    for name in ("MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("ctypes.util.find_library", lambda name: f"lib{name}.so.1")


def test_eval_chooses_the_renderer_before_it_makes_environments(headless, monkeypatch):
    backends = []

    def prepare(argv):
        backends.append(os.environ.get("MUJOCO_GL"))
        raise UserError("stop here")

    monkeypatch.setattr(eval_command, "prepared", prepare)
    with pytest.raises(UserError, match="stop here"):
        eval_command.main(["run"])
    assert backends == ["egl"] and "MUJOCO_GL" not in os.environ


def test_a_video_is_rendered_off_screen(headless, tmp_path):
    """Without a display, MuJoCo must be told so before its environment is made."""
    backends = []

    def make(**kwargs):
        backends.append(os.environ.get("MUJOCO_GL"))
        raise RuntimeError("no display")

    episodes = SimpleNamespace(seeds=np.array([3]))
    path = tmp_path / "episode.gif"
    task = Task("Walk-v0", "walk-v0")
    assert not figures._record_video(path, None, task, make=make, episodes=episodes, e=0)
    assert backends == ["egl"] and "MUJOCO_GL" not in os.environ


def test_planners_of_another_kind_have_no_figure_of_their_sampling(dfplan, run, place, monkeypatch):
    class Other:
        """A kind of planner that the run's is not."""

    monkeypatch.setattr(figures, "DiffusionPlanner", Other)
    monkeypatch.setattr(figures, "_record_video", lambda *args, **options: False)
    done = dfplan("eval", run, "--episodes", 1, "--max-steps", 3, "--out", "figures")
    assert done.code == 0, done.err
    assert "no denoising.gif, as planner.kind 'diffusion' does not expose" in " ".join(
        done.out.split()
    )
    assert sorted(path.name for path in (place / "figures").iterdir()) == [
        "plans.png",
        "result.json",
    ]


@pytest.mark.parametrize("step", ["_print", "_draw", "_write_json"])
def test_what_fails_after_the_episodes_loses_no_result(dfplan, run, place, monkeypatch, step):
    def fail(*args, **options):
        raise UserError("failed here")

    monkeypatch.setattr(eval_command, step, fail)
    done = dfplan("eval", run, "pointmaze-umaze", "--episodes", 1, "--max-steps", 3, "--out", "two")
    assert done.code == 2 and "failed here" in done.err
    assert len(list((place / "two").rglob("result.json"))) == 2


def test_results_of_several_runs_have_folders_of_their_own(dfplan, run, place):
    (place / "a").mkdir()
    for name in ("a/run", "a-run"):
        (place / name).symlink_to(run)
    done = dfplan("eval", "a/run", "a-run", "--episodes", 1, "--out", "two")
    assert done.code == 2 and "a/run and a-run would share two/a-run" in done.err
