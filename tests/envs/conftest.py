"""Fixtures and helpers shared by the environment tests."""

import pytest

import dfplan_envs  # noqa: F401
from dfplan_envs.registration import ENV_SPECS

USER_MAP = ["######", "#O  O#", "#O##O#", "#OOO0#", "######"]
ENV_IDS = sorted(ENV_SPECS)


def make_kwargs(env_id: str) -> dict:
    """Return the arguments that gymnasium.make needs for an id."""
    needs_map = env_id in ("dfplan/PointMaze_D4RL-v0", "dfplan/PointMaze_Robotics-v0")
    return {"maze_map": USER_MAP} if needs_map else {}


@pytest.fixture(params=ENV_IDS)
def env_id(request):
    return request.param


@pytest.fixture
def minari_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    return tmp_path
