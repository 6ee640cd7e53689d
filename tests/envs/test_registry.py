"""Every registered id keeps Gymnasium's rules."""

import copy
import pickle
import warnings

import gymnasium as gym
import numpy as np
from gymnasium.spaces import flatten
from gymnasium.utils.env_checker import check_env

from dfplan_envs.registration import ENV_SPECS, register_envs

from .conftest import make_kwargs

# check_env dislikes unbounded observation spaces, which a position in any map needs; the other is
# the renderer's own word where there is no OpenGL.
EXPECTED = ("minimum value is -infinity", "maximum value is infinity", "off-screen")


def test_check_env(env_id):
    env = gym.make(env_id, **make_kwargs(env_id))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env.unwrapped)
    # Deprecations are the libraries' own, where an old one calls a new one.
    messages = [str(w.message) for w in caught if not issubclass(w.category, DeprecationWarning)]
    assert [m for m in messages if not any(e in m for e in EXPECTED)] == []


def test_same_seed_same_episode(env_id):
    def episode():
        env = gym.make(env_id, **make_kwargs(env_id))
        observations = [env.reset(seed=7)[0]]
        env.action_space.seed(7)
        observations += [env.step(env.action_space.sample())[0] for _ in range(20)]
        return np.array([flatten(env.observation_space, o) for o in observations])

    np.testing.assert_array_equal(episode(), episode())


def test_make_vec(env_id):
    envs = gym.make_vec(env_id, num_envs=3, vectorization_mode="sync", **make_kwargs(env_id))
    observations, _ = envs.reset(seed=0)
    if isinstance(observations, dict):
        observations = observations["observation"]
    assert observations.shape in ((3, 4), (3, 5))
    _, rewards, *_, infos = envs.step(envs.action_space.sample())
    assert rewards.shape == (3,) and infos["success"].shape == (3,)
    envs.close()


def test_registering_again_changes_nothing():
    before = {k: gym.registry[k] for k in ENV_SPECS}
    register_envs()
    assert all(gym.registry[k] is v for k, v in before.items())


def test_copies_carry_on_identically():
    env = gym.make("dfplan/PointMaze_UMaze_D4RL-v0").unwrapped
    env.reset(seed=3)
    env.action_space.seed(3)
    for _ in range(30):
        env.step(env.action_space.sample())
    twins = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    action = np.array([1.0, -0.4], np.float32)
    for _ in range(30):
        expected = env.step(action)[0]["observation"]
        for twin in twins:
            np.testing.assert_array_equal(twin.step(action)[0]["observation"], expected)
    expected = env.reset()[0]["observation"]
    for twin in twins:
        np.testing.assert_array_equal(twin.reset()[0]["observation"], expected)
