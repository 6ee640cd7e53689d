"""Episodes are recorded as they were, also from environments and policies that reuse arrays."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from dfplan.data.collect import collect
from dfplan.data.episode_recorder import EpisodeRecorder
from dfplan.data.minari_io import load_trajectories, open_dataset
from dfplan.types import UserError

BOX = spaces.Box(-np.inf, np.inf, (2,), np.float64)


class InPlace(gym.Env):
    """An environment that changes and returns the same arrays at each step."""

    action_space = spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, goals=False):
        self.array = np.zeros(2)
        self.reward = np.zeros(1)
        self.observation = self.array
        self.observation_space = BOX
        if goals:
            names = ("observation", "achieved_goal", "desired_goal")
            self.observation_space = spaces.Dict(dict.fromkeys(names, BOX))
            self.observation = dict.fromkeys(names, self.array)

    def reset(self, seed=None, options=None):
        self.array[:] = (0, seed % 97)
        return self.observation, {}

    def step(self, action):
        self.array[0] += 1
        self.reward[0] = self.array[0] / 2
        action[:] = 9  # a careless environment
        return self.observation, self.reward, np.bool_(self.array[0] == 4), False, {}


class Buffered:
    """A policy that returns the same array at each step."""

    def __init__(self, env, seed):
        self.action = np.zeros(1, np.float32)

    def act(self, observation):
        self.action += 0.125
        return self.action


@pytest.mark.parametrize("goals", [False, True])
def test_arrays_that_are_changed_in_place(minari_home, goals):
    collect(lambda: InPlace(goals), "my/place-v0", steps=6, policy=Buffered)
    data = load_trajectories("my/place-v0", rewards=True)
    assert data.state[:, 0].tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    assert len(set(data.state[:, 1])) == 2
    assert data.action[:, 0].tolist() == [0.125, 0.25, 0.375, 0.5, 0, 0.125, 0.25, 0]
    assert data.reward.tolist() == [0.5, 1, 1.5, 2, 0, 0.5, 1, 0]
    assert data.terminated.tolist() == [True, False]
    first, second = open_dataset("my/place-v0").iterate_episodes()
    assert not first.truncations.any() and second.truncations.tolist() == [False, True]


@pytest.mark.parametrize(
    ("observation", "reward", "words"),
    [
        (np.zeros(3), 0.0, ["(3,)", "(2,)"]),
        (["a", "b"], 0.0, ["observation"]),
        ([[1], [1, 2]], 0.0, ["observation"]),
        (np.array([object()] * 2), 0.0, ["object"]),
        (np.zeros(2, complex), 0.0, ["complex"]),
        (np.zeros(2), np.zeros(2), ["reward", "(2,)"]),
        (np.zeros(2), None, ["reward"]),
        (np.zeros(2), "much", ["reward", "'much'"]),
    ],
)
def test_what_contradicts_the_environment_is_refused(observation, reward, words):
    recorder = EpisodeRecorder(BOX, np.zeros(2), seed=0)
    recorder.record_action(np.zeros(1))
    with pytest.raises(UserError) as caught:
        recorder.record_step(observation, reward, terminated=False, truncated=False)
    assert all(word in str(caught.value) for word in words)


def test_a_dict_needs_the_entries_of_its_space():
    space = spaces.Dict({"arm": BOX, "hand": BOX})
    for observation in (np.zeros(2), {"arm": np.zeros(2)}):
        with pytest.raises(UserError, match="arm, hand"):
            EpisodeRecorder(space, observation, seed=0)
