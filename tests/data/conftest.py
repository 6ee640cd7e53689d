"""Fixtures that the data tests share."""

import numpy as np
import pytest

from dfplan.data.trajectories import Trajectories, from_episodes
from dfplan.representation.layout import Layout


@pytest.fixture
def minari_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    return tmp_path


def coded_episodes(steps: list[int], goal_dims: tuple[int, ...] = ()) -> Trajectories:
    """Return episodes that encode rows: state (episode, step, 7), action (100 * episode + step)."""
    states = []
    actions = []
    for episode, n in enumerate(steps):
        step = np.arange(n + 1, dtype=np.float32)
        states.append(np.stack([np.full_like(step, episode), step, np.full_like(step, 7)], axis=1))
        actions.append(np.append(100 * episode + step[:-1], 0).astype(np.float32)[:, None])
    layout = Layout(3, 1, goal_dims)
    return from_episodes(states, actions, layout, dataset_id="coded-v0")
