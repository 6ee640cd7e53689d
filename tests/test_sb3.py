"""Stable-Baselines3's own evaluate_policy, unchanged, on each kind of environment it supports."""

import gymnasium as gym
import numpy as np
import pytest

from dfplan.agent import Agent

from .test_examples import example

pytest.importorskip("stable_baselines3", reason="make sb3 installs it")
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

ENV = "dfplan_envs:dfplan/PointMaze_UMaze_Robotics-v0"  # ends at the goal, sooner or later
SEED = 7000


@pytest.fixture(scope="module")
def agent():
    return Agent.load("pointmaze-umaze")


def alone(agent, i: int, episodes: int) -> list[int]:
    """Return the lengths of the episodes of environment `i` by itself."""
    env = gym.make(ENV)
    lengths = []
    agent.reset(seed=i)
    for episode in range(episodes):
        observation, _ = env.reset(seed=None if episode else SEED + i)
        agent.reset()
        ended = False
        steps = 0
        while not ended:
            observation, _, terminated, truncated, _ = env.step(agent.act(observation))
            ended = terminated or truncated
            steps += 1
        lengths.append(steps)
    env.close()
    return lengths


def evaluate(agent, env, episodes: int) -> list[int]:
    agent.reset(seed=0)
    returns, lengths = evaluate_policy(
        agent, env, n_eval_episodes=episodes, return_episode_rewards=True
    )
    env.close()
    assert returns == [1.0] * episodes  # the goal's reward, once
    return lengths


@pytest.mark.parametrize(
    "vec_env", [DummyVecEnv, pytest.param(SubprocVecEnv, marks=pytest.mark.slow)]
)
def test_vectors_of_environments(agent, vec_env):
    expected = np.concatenate([alone(agent, i, 2) for i in range(3)])
    assert len(set(expected)) > 2  # so they end at different times
    lengths = evaluate(agent, make_vec_env(ENV, 3, seed=SEED, vec_env_cls=vec_env), 6)
    assert sorted(lengths) == sorted(expected)


def test_one_environment(agent):
    expected = alone(agent, 0, 3)
    env = Monitor(gym.make(ENV))
    env.reset(seed=SEED)
    env.unwrapped.reset = reseed_once(env.unwrapped.reset)
    assert evaluate(agent, env, 3) == expected


def reseed_once(reset):
    """Return `reset`, seeded in its first call, as evaluate_policy cannot do."""
    seeds = iter([SEED])
    return lambda *, seed=None, options=None: reset(seed=next(seeds, seed), options=options)


def test_the_example():
    returns, lengths = example("sb3_evaluate_policy")(episodes=2)
    assert lengths == [300, 300] and min(returns) > 200
