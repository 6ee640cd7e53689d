"""The T-maze: the cue is visible first, only it reveals the arm, and either arm ends an episode."""

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


def play(seed, arm=None):
    """Return an episode of the data's controller.

    Returns the observations, and the reward, termination flag and info of the last step.
    """
    env = gym.make("dfplan/TMaze-v0")
    observation, _ = env.reset(seed=seed, options={"arm": arm})
    policy = CuePolicy(env, seed=seed)
    observations = [observation]
    while True:
        observation, reward, terminated, truncated, info = env.step(policy.act(observation))
        observations.append(observation)
        if terminated or truncated:
            return np.array(observations), reward, terminated, info


@pytest.fixture(scope="module")
def episodes():
    return [play(seed) for seed in range(120)]


@pytest.mark.parametrize("arm", [0, 1])
def test_cue_is_visible_first_and_names_the_arm(arm):
    states, reward, terminated, info = play(3, arm)
    assert (states[:40, 4] == CUES[arm]).all() and (states[40:, 4] == 0).all()
    assert terminated and reward == 1 and info["success"]
    assert abs(states[-1, 0] - (-2, 2)[arm]) < 0.45


def test_wrong_arm_ends_the_episode_without_success():
    env = TMazeEnv()
    observation, _ = env.reset(seed=0, options={"arm": 0})
    policy = CuePolicy(env)
    terminated = False
    while not terminated:
        observation[4] *= -1
        observation, reward, terminated, _, info = env.step(policy.act(observation))
        assert reward == 0 and not info["success"]
    assert observation[0] > 1.5


def test_motion_before_the_junction_does_not_reveal_the_arm(episodes):
    """Neither nearest neighbors nor the difference of means can predict it.

    Environment and controller have the same seed, as in `dfplan collect`.
    """
    cues = np.array([states[0, 4] for states, *_ in episodes])
    near_junction = np.array([states[states[:, 1] >= 1.5][0, :4] for states, *_ in episodes])
    scaled = (near_junction - near_junction.mean(axis=0)) / near_junction.std(axis=0)
    distance = ((scaled[:, None] - scaled) ** 2).sum(axis=-1)
    np.fill_diagonal(distance, np.inf)
    predicted = np.sign(cues[np.argsort(distance, axis=1)[:, :5]].sum(axis=1))
    assert abs((predicted == cues).mean() - 0.5) < 0.14  # three standard deviations
    difference = scaled[cues > 0].mean(axis=0) - scaled[cues < 0].mean(axis=0)
    assert abs(difference).max() < 3 * (4 / len(cues)) ** 0.5


def test_controller_enters_the_cued_arm(episodes):
    cues = np.array([states[0, 4] for states, *_ in episodes])
    assert all(reward == 1 for _, reward, *_ in episodes)
    assert 0.3 < (cues > 0).mean() < 0.7
    assert max(len(states) for states, *_ in episodes) < 600


def test_copies_continue_identically():
    env = TMazeEnv()
    env.reset(seed=3)
    for _ in range(35):
        env.step(np.array([0.1, 0.5]))
    copies = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    expected = np.zeros(5)
    for _ in range(10):  # past the cue's end
        expected = env.step(np.array([-0.2, 0.3]))[0]
        for other in copies:
            np.testing.assert_array_equal(other.step(np.array([-0.2, 0.3]))[0], expected)
    assert expected[4] == 0


def test_invalid_arguments():
    with pytest.raises(ValueError, match=r"cue_steps.*1.*0"):
        TMazeEnv(cue_steps=0)
    for options, value in (({"arm": 2}, "'arm': 2"), ({"goal": (0, 0)}, "'goal'")):
        with pytest.raises(ValueError, match=f"'arm', 0 or 1.*{value}"):
            TMazeEnv().reset(options=options)
    with pytest.raises(TypeError, match=r"T-maze.*PointMaze"):
        CuePolicy(gym.make("dfplan/PointMaze_UMaze_D4RL-v0"))


def test_tracker_ignores_the_cue():
    states = np.random.default_rng(0).normal(size=(2, 3, 5))
    action = track(states, 20, 7, state=states[:, 0])
    expected = track_point(states[..., :4], 20, 7, state=states[:, 0, :4])
    np.testing.assert_array_equal(action, expected)
