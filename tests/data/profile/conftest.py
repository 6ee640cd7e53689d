"""Small datasets written in a few lines."""

import warnings

import minari
import numpy as np
import pytest
from gymnasium import spaces
from minari.data_collector import EpisodeBuffer

ID = "my/profiled-v0"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write episodes: observations [n+1, ...], actions [n, ...], rewards [n], kind of end."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))

    def call(episodes, observation_space, action_space=None):
        buffers = []
        for i, (observations, actions, rewards, end) in enumerate(episodes):
            is_last = np.zeros(len(actions), bool)
            is_last[-1:] = True
            buffers.append(
                EpisodeBuffer(
                    id=i,
                    observations=observations,
                    actions=actions,
                    rewards=rewards,
                    terminations=is_last & (end == "terminated"),
                    truncations=is_last & (end == "truncated"),
                )
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return minari.create_dataset_from_buffers(
                ID,
                buffer=buffers,
                observation_space=observation_space,
                action_space=action_space or spaces.Box(-1, 1, (1,)),
            )

    return call


def box(*shape):
    return spaces.Box(-np.inf, np.inf, shape, np.float64)


def goal_space(goal=2):
    boxes = {"observation": box(4), "achieved_goal": box(goal), "desired_goal": box(goal)}
    return spaces.Dict(boxes)


def walk(seed, steps=40, end="truncated"):
    """Return a random walk in four dimensions."""
    rng = np.random.default_rng(seed)
    observations = np.cumsum(rng.normal(size=(steps + 1, 4)) / 20, axis=0)
    actions = rng.uniform(-1, 1, (steps, 1)).astype(np.float32)
    return observations, actions, rng.normal(size=steps), end
