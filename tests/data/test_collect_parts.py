"""Datasets that are collected in parts: the same episodes as in one go."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from minari.data_collector import EpisodeBuffer

from dfplan.data.collect import collect
from dfplan.data.collect_parts import (
    FIELDS,
    count_parts,
    decode,
    encode,
    is_divisible,
    policy_episodes,
    policy_part,
    truncate,
)


class Counting(gym.Env):
    """Episodes of 3 to 9 steps, by their seeds."""

    observation_space = gym.spaces.Box(-100, 100, (2,))
    action_space = gym.spaces.Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = int(self.np_random.integers(3, 10))
        return self.observe(), {}

    def observe(self):
        return np.array([self.left, self.np_random.normal()], np.float32)

    def step(self, action):
        self.left -= 1
        return self.observe(), float(action[0]), self.left == 0, False, {}


class Noisy:
    def __init__(self, env, seed):
        self.rng = np.random.default_rng(seed)

    def act(self, observation):
        return self.rng.uniform(-1, 1, 1)


@pytest.fixture
def env_id():
    gym.register("Test/Counting-v0", Counting, max_episode_steps=50)
    yield "Test/Counting-v0"
    del gym.registry["Test/Counting-v0"]


@pytest.mark.parametrize("steps", [1, 40, 41, 43, 200])
def test_parts_of_a_policy_are_its_dataset(minari_home, env_id, steps):
    arguments = {"steps": steps, "seed": 7}
    whole = collect(env_id, "whole/a-v0", policy=Noisy, **arguments)
    rounds = []

    def play(ranges):
        rounds.append(list(ranges))
        for numbers in ranges:
            part = policy_part(env_id, Noisy, numbers, env_kwargs=None, **arguments)
            yield list(decode(encode(part)))

    episodes = list(policy_episodes(play, steps=steps, time_limit=50))
    parts = collect(env_id, "parts/a-v0", policy=Noisy, episodes=episodes, **arguments)
    assert parts.total_steps == whole.total_steps == steps
    for a, b in zip(parts.iterate_episodes(), whole.iterate_episodes(), strict=True):
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), strict=True)
    assert steps < 50 or len(rounds) > 1  # episodes end before their time limit


def test_episodes_of_dicts_survive():
    rng = np.random.default_rng(0)
    episode = EpisodeBuffer(
        seed=None,
        observations={"a": rng.normal(size=(4, 2)), "b": {"c": np.arange(4, dtype=np.int8)}},
        actions=rng.normal(size=(3, 1)).astype(np.float32),
        rewards=np.ones(3),
        terminations=np.zeros(3, bool),
        truncations=np.array([False, False, True]),
        infos={"qpos": np.arange(4.0)},
    )
    first, second = decode(encode([episode, dataclasses.replace(episode, seed=5)]))
    assert (first.seed, second.seed) == (None, 5)
    np.testing.assert_array_equal(first.observations["a"], episode.observations["a"])
    assert first.observations["b"]["c"].dtype == np.int8
    assert second.infos["qpos"].tolist() == [0, 1, 2, 3]
    cut = truncate(first, 2)
    assert cut.infos["qpos"].tolist() == [0, 1, 2]
    assert len(cut.observations["b"]["c"]) == 3 and cut.truncations.tolist() == [False, True]
    assert not episode.truncations[1]


def test_collectors_that_can_be_divided():
    assert is_divisible(lambda env_id, *, steps, part=(0, 1): None)
    assert not is_divisible(lambda env_id, **options: None)
    assert [count_parts(n) for n in (1, 50_000, 50_001, 10**9)] == [1, 1, 2, 1000]
