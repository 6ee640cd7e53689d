"""Minari's own locomotion datasets, such as mujoco/hopper/medium-v0, by one of the same layout."""

import gymnasium as gym
import minari
import numpy as np
import pytest
from minari.data_collector import EpisodeBuffer

from dfplan.config import Config
from dfplan.data.minari_io import load_trajectories
from dfplan.runs.fit import fit_run
from dfplan.tasks.registry import Task

DATASET = "mujoco/hopper/medium-v0"
STEPS = 40
SETTINGS = {
    "data.goal": "reward",
    "data.tokens": 4,
    "value.width": 4,
    "value.steps": 2,
    "value.batch_size": 8,
}


def play(env, seed):
    """Return an episode with the infos that Minari records, one row more than steps."""
    observation, info = env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    observations, infos, rewards, actions = [observation], [info], [], []
    terminated = False
    while not terminated and len(actions) < STEPS:
        actions.append(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32))
        observation, reward, terminated, _, info = env.step(actions[-1])
        observations.append(observation)
        rewards.append(reward)
        infos.append(info)
    ends = np.arange(len(actions)) == len(actions) - 1
    return EpisodeBuffer(
        seed=seed,
        observations=np.stack(observations),
        actions=np.stack(actions),
        rewards=np.array(rewards),
        terminations=ends & terminated,
        truncations=ends & (not terminated),
        infos={key: np.array([each.get(key, 0.0) for each in infos]) for key in infos[-1]},
    )


@pytest.fixture
def episodes(minari_home):
    env = gym.make("Hopper-v5")
    buffers = [play(env, seed) for seed in range(4)]
    minari.create_dataset_from_buffers(
        DATASET,
        buffer=list(buffers),
        env=env,
        algorithm_name="SAC",
        author="Minari",
        ref_min_score=-20.0,
        ref_max_score=3234.3,
    )
    return buffers


def test_a_run_for_reward_fits_such_a_dataset(episodes):
    data = load_trajectories(DATASET, rewards=True)
    assert data.reward is not None and data.terminated is not None
    assert data.terminated.tolist() == [bool(each.terminations[-1]) for each in episodes]
    assert data.terminated.any()
    states = np.concatenate([each.observations for each in episodes])
    np.testing.assert_allclose(data.layout.to_global(data.state), states, rtol=1e-5, atol=1e-5)
    total = sum(np.sum(each.rewards) for each in episodes)
    np.testing.assert_allclose(data.reward.sum(), total)
    run = fit_run(Task("Hopper-v5", DATASET), Config().override(SETTINGS), data)
    assert run.critic is not None and run.reward_conditioned
    run.check_env(gym.make("Hopper-v5"))
