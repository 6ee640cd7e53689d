"""Data collection: physics, seeds, speed, and the Minari dataset."""

import time
import warnings

import gymnasium as gym
import minari
import numpy as np
import pytest

import dfplan_envs  # noqa: F401
from dfplan_envs.pointmaze.collect import collect
from dfplan_envs.pointmaze.maps import parse_map
from dfplan_envs.pointmaze.simulate import simulate

from .conftest import USER_MAP


@pytest.fixture(scope="module")
def recording():
    return simulate(parse_map("Medium"), 16, 1000, rng=np.random.default_rng(0))


def test_env_replays_the_data(recording):
    env = gym.make("dfplan/PointMaze_Medium_D4RL-v0").unwrapped
    for i in (0, 7):
        states = recording.states[i]
        env.reset(seed=0, options={"start": states[0], "goal": recording.goals[i, 0]})
        for t, action in enumerate(recording.actions[i]):
            observation = env.step(action)[0]["observation"]
            np.testing.assert_allclose(observation, states[t + 1], rtol=0, atol=1e-8)


def test_goals_are_reached_and_follow_each_other(recording):
    changed = np.abs(np.diff(recording.goals, axis=1)).sum(-1) > 0
    assert changed.sum(axis=1).min() >= 2
    i, t = np.nonzero(changed)
    distance = np.linalg.norm(recording.states[i, t + 1, :2] - recording.goals[i, t], axis=-1)
    assert np.mean(distance <= 0.1) > 0.98


def test_same_seed_gives_same_data(recording):
    repeat = simulate(parse_map("Medium"), 16, 1000, rng=np.random.default_rng(0))
    other = simulate(parse_map("Medium"), 16, 1000, rng=np.random.default_rng(1))
    for name in ("states", "goals", "actions"):
        np.testing.assert_array_equal(getattr(repeat, name), getattr(recording, name))
    assert not np.array_equal(other.states, recording.states)


def test_simulation_speed():
    start = time.perf_counter()
    simulate(parse_map("UMaze"), 250, 400, rng=np.random.default_rng(0))
    rate = 250 * 400 / (time.perf_counter() - start)
    print(f"{rate:,.0f} steps/s")
    assert rate > 30_000


def test_open_map_is_covered():
    maze = parse_map(["#######", *["#OOOOO#"] * 4, "#######"])
    states = simulate(maze, 32, 800, rng=np.random.default_rng(0)).states.reshape(-1, 4)
    assert {maze.cell(s) for s in states[::5]} >= set(maze.free)


@pytest.fixture
def create(minari_home):
    """Collect and let Minari write the dataset, as its users do."""

    def call(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", message="`(code_permalink|author_email)` is set")
            return minari.create_dataset_from_buffers("dfplan/x-v0", **collect(*args, **kwargs))

    return call


def test_minari_round_trip(create):
    reports = []
    create(
        "dfplan/PointMaze_UMaze_D4RL_Fixed-v0",
        steps=5001,
        seed=3,
        progress=reports.append,
    )
    dataset = minari.load_dataset("dfplan/x-v0")
    assert dataset.total_steps == 5001 and dataset.total_episodes == 6
    assert reports == sorted(reports) and reports[-1] == 5001
    env = dataset.recover_environment()
    assert env.spec.id == "dfplan/PointMaze_UMaze_D4RL-v0"
    assert dataset.observation_space == env.observation_space
    assert dataset.action_space == env.action_space
    metadata = dataset.storage.metadata
    assert (metadata["ref_min_score"], metadata["ref_max_score"]) == (23.85, 161.86)
    for episode in dataset.iterate_episodes():
        _check_episode(episode)


def _check_episode(episode):
    observations = episode.observations
    steps = len(episode.rewards)
    assert {k: v.shape for k, v in observations.items()} == {
        "observation": (steps + 1, 4),
        "achieved_goal": (steps + 1, 2),
        "desired_goal": (steps + 1, 2),
    }
    assert all(v.dtype == np.float64 for v in observations.values())
    assert episode.actions.shape == (steps, 2) and episode.actions.dtype == np.float32
    assert np.abs(episode.actions).max() <= 1.0
    np.testing.assert_array_equal(observations["achieved_goal"], observations["observation"][:, :2])
    distance = np.linalg.norm(
        observations["achieved_goal"][1:] - observations["desired_goal"][:-1], axis=-1
    )
    np.testing.assert_array_equal(episode.rewards, distance <= 0.5)
    assert not episode.terminations.any()
    assert episode.truncations[-1] and not episode.truncations[:-1].any()


def test_user_map(create):
    dataset = create(
        "dfplan/PointMaze_D4RL-v0",
        steps=300,
        seed=0,
        env_kwargs={"maze_map": USER_MAP, "max_episode_steps": 123},
    )
    env = dataset.recover_environment()
    assert env.spec.max_episode_steps == 123
    assert env.unwrapped.maze == parse_map(USER_MAP)
    assert "ref_max_score" not in dataset.storage.metadata


def test_invalid_arguments():
    with pytest.raises(ValueError, match=r"steps.*1.*0"):
        collect("dfplan/PointMaze_UMaze_D4RL-v0", steps=0)
    with pytest.raises(ValueError, match=r"CartPole-v1.*PointMaze"):
        collect("CartPole-v1", steps=10)
