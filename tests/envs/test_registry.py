"""Every registered id follows Gymnasium's API."""

import copy
import pickle
import warnings

import gymnasium as gym
import numpy as np
from gymnasium.spaces import flatten
from gymnasium.utils.env_checker import check_env

from dfplan_envs.registration import ENV_SPECS, register_envs

from .conftest import make_kwargs

# check_env warns of unbounded observation spaces, which positions in arbitrary maps need. The other
# warning is the renderer's, on machines without OpenGL.
EXPECTED = ("minimum value is -infinity", "maximum value is infinity", "off-screen")


def test_check_env(env_id):
    env = gym.make(env_id, **make_kwargs(env_id))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env.unwrapped)
    # Deprecation warnings come from the libraries, when an old version calls a new one.
    messages = [str(w.message) for w in caught if not issubclass(w.category, DeprecationWarning)]
    unexpected = [m for m in messages if not any(text in m for text in EXPECTED)]
    assert unexpected == []


def test_same_seed_gives_same_episode(env_id):
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
    before = {env_id: gym.registry[env_id] for env_id in ENV_SPECS}
    register_envs()
    assert all(gym.registry[env_id] is spec for env_id, spec in before.items())


def test_copies_continue_identically():
    env = gym.make("dfplan/PointMaze_UMaze_D4RL-v0").unwrapped
    env.reset(seed=3)
    env.action_space.seed(3)
    for _ in range(30):
        env.step(env.action_space.sample())
    copies = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    action = np.array([1.0, -0.4], np.float32)
    for _ in range(30):
        expected = env.step(action)[0]["observation"]
        for other in copies:
            np.testing.assert_array_equal(other.step(action)[0]["observation"], expected)
    expected = env.reset()[0]["observation"]
    for other in copies:
        np.testing.assert_array_equal(other.reset()[0]["observation"], expected)
