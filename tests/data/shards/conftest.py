"""Small datasets in Minari's folder, whose states call for each kind of layout."""

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict
from minari.data_collector import EpisodeBuffer

from dfplan.data.store.write import new_dataset, write_dataset

STEPS = [5, 1, 40, 3, 17]
ACTIONS = Box(-1, 1, (2,), np.float32)


def box(dim, dtype):
    return Box(-np.inf, np.inf, (dim,), dtype)


def walk(rng, steps, dtype, offset=0.0):
    """Return observations `[n+1, 3]` and actions `[n, 2]`; the third dimension is constant."""
    actions = rng.uniform(-1, 1, (steps, 2)).astype(np.float32)
    path = np.cumsum(np.pad(0.1 * actions, ((1, 0), (0, 0))), axis=0) + rng.normal(size=2)
    states = np.pad(path, ((0, 0), (0, 1)), constant_values=2.5) + offset
    return states.astype(dtype), actions


def goal_dict(states, achieved):
    """Return observations of a goal Dict; the goal changes every third step."""
    desired = np.repeat(np.arange(len(states)) // 3, 2).reshape(-1, 2).astype(np.float64)
    return {"observation": states, "achieved_goal": achieved, "desired_goal": desired}


def observations(kind, states):
    if kind == "goal in the observation":
        return goal_dict(states, states[:, :2].astype(np.float64))
    if kind == "goal appended":
        return goal_dict(states, -states[:, :2].astype(np.float64))
    return states


KINDS = {
    "float32": (box(3, np.float32), 0.0),
    "offset": (box(3, np.float64), 5e6),
    "goal in the observation": (
        Dict(
            observation=box(3, np.float64),
            achieved_goal=box(2, np.float64),
            desired_goal=box(2, np.float64),
        ),
        0.0,
    ),
    "goal appended": (
        Dict(
            observation=box(3, np.float64),
            achieved_goal=box(2, np.float64),
            desired_goal=box(2, np.float64),
        ),
        0.0,
    ),
}


def buffer(steps, observed, actions, index=0):
    return EpisodeBuffer(
        id=index,
        observations=observed,
        actions=actions,
        rewards=np.zeros(steps),
        terminations=np.zeros(steps, bool),
        truncations=np.arange(steps) == steps - 1,
    )


def make_dataset(name, kind="float32", steps=STEPS, seed=0, spoil=None):
    """Write a dataset; `spoil` may change the states of each episode."""
    space, offset = KINDS[kind]
    rng = np.random.default_rng(seed)
    episodes = []
    for index, count in enumerate(steps):
        states, actions = walk(rng, count, np.float32 if kind == "float32" else np.float64, offset)
        if spoil is not None:
            spoil(index, states)
        episodes.append(buffer(count, observations(kind, states), actions, index))
    with new_dataset(name) as data:
        write_dataset(data, name, buffer=episodes, observation_space=space, action_space=ACTIONS)
    return name


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    return tmp_path
