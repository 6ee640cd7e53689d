"""The T-maze: when the cue is seen, where episodes end, and that nothing else tells the arm."""

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest

import dfplan_envs  # noqa: F401
from dfplan_envs.pointmaze.tracking import track as track_point
from dfplan_envs.tmaze.env import CUES, TMazeEnv
from dfplan_envs.tmaze.policy import CuePolicy
from dfplan_envs.tmaze.tracking import track


def episode(seed, arm=None):
    """Observations and the last step's reward and info, with the data's controller."""
    env = gym.make("dfplan/TMaze-v0")
    observation, _ = env.reset(seed=seed, options={"arm": arm})
    policy, kept = CuePolicy(env, seed=seed), [observation]
    while True:
        observation, reward, terminated, truncated, info = env.step(policy.act(observation))
        kept.append(observation)
        if terminated or truncated:
            return np.array(kept), reward, terminated, info


@pytest.fixture(scope="module")
def episodes():
    return [episode(seed) for seed in range(120)]


@pytest.mark.parametrize("arm", [0, 1])
def test_the_cue_is_seen_first_and_names_the_arm(arm):
    states, reward, terminated, info = episode(3, arm)
    assert (states[:40, 4] == CUES[arm]).all() and (states[40:, 4] == 0).all()
    assert terminated and reward == 1 and info["success"]
    assert abs(states[-1, 0] - (-2, 2)[arm]) < 0.45


def test_the_other_arm_ends_the_episode_and_fails():
    env = TMazeEnv()
    observation, _ = env.reset(seed=0, options={"arm": 0})
    policy, over = CuePolicy(env), False
    while not over:
        observation[4] *= -1
        observation, reward, over, _, info = env.step(policy.act(observation))
        assert reward == 0 and not info["success"]
    assert observation[0] > 1.5


def test_the_way_to_the_junction_does_not_tell_the_arm(episodes):
    """Neither one by one, nor in the mean: by nearest neighbours, and by the difference of means.

    Environment and controller have the same seed, as `dfplan collect` gives them.
    """
    cues = np.array([states[0, 4] for states, *_ in episodes])
    at = np.array([states[states[:, 1] >= 1.5][0, :4] for states, *_ in episodes])
    scaled = (at - at.mean(axis=0)) / at.std(axis=0)
    distance = ((scaled[:, None] - scaled) ** 2).sum(axis=-1)
    np.fill_diagonal(distance, np.inf)
    guess = np.sign(cues[np.argsort(distance, axis=1)[:, :5]].sum(axis=1))
    assert abs((guess == cues).mean() - 0.5) < 0.14  # three standard deviations
    apart = scaled[cues > 0].mean(axis=0) - scaled[cues < 0].mean(axis=0)
    assert abs(apart).max() < 3 * (4 / len(cues)) ** 0.5


def test_the_controller_goes_where_the_cue_says(episodes):
    cues = np.array([states[0, 4] for states, *_ in episodes])
    assert all(reward == 1 for _, reward, *_ in episodes)
    assert 0.3 < (cues > 0).mean() < 0.7
    assert max(len(states) for states, *_ in episodes) < 600


def test_copies_carry_on_identically():
    env = TMazeEnv()
    env.reset(seed=3)
    for _ in range(35):
        env.step(np.array([0.1, 0.5]))
    twins = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    expected = np.zeros(5)
    for _ in range(10):  # past the cue's end
        expected = env.step(np.array([-0.2, 0.3]))[0]
        for twin in twins:
            np.testing.assert_array_equal(twin.step(np.array([-0.2, 0.3]))[0], expected)
    assert expected[4] == 0


def test_what_cannot_be():
    with pytest.raises(ValueError, match="cue_steps must be at least 1, got 0"):
        TMazeEnv(cue_steps=0)
    for options in ({"arm": 2}, {"goal": (0, 0)}):
        with pytest.raises(ValueError, match="option 'arm', 0 or 1"):
            TMazeEnv().reset(options=options)
    with pytest.raises(TypeError, match="needs a T-maze"):
        CuePolicy(gym.make("dfplan/PointMaze_UMaze_D4RL-v0"))


def test_the_tracker_is_that_of_the_point():
    states = np.random.default_rng(0).normal(size=(2, 3, 5))
    mine = track(states, 20, 7, states[:, 0])
    np.testing.assert_array_equal(mine, track_point(states[..., :4], 20, 7, states[:, 0, :4]))
