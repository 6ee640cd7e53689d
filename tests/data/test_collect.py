"""Collected data of a policy in any environment, and how environments are made."""

import functools
import warnings

import gymnasium as gym
import minari
import numpy as np
import pytest
from gymnasium.envs.classic_control.pendulum import PendulumEnv

from dfplan.data.collect import collect as record
from dfplan.data.minari_io import load_trajectories
from dfplan.tasks.make_env import identify_env, make_env
from dfplan.types import UserError

SHORT = {"max_episode_steps": 30}


class Unbounded(PendulumEnv):
    def __init__(self):
        super().__init__()
        self.action_space = gym.spaces.Box(-np.inf, np.inf, (1,))


@pytest.fixture
def registered():
    """Register environments for these tests; their entry points are classes."""
    gym.register("Test/Class-v0", PendulumEnv)
    gym.register("Test/Unbounded-v0", Unbounded)
    yield
    for name in ("Test/Class-v0", "Test/Unbounded-v0"):
        del gym.registry[name]


def collect(dataset_id="dfplan/random-v0", **kwargs):
    settings = {"steps": 70, "env_kwargs": SHORT} | kwargs
    return record("Pendulum-v1", dataset_id, **settings)


def refusal(call, *args, **kwargs) -> str:
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_collected_episodes(minari_home):
    done = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        dataset = collect(progress=done.append)
    assert done == [70]
    assert dataset.total_steps == 70
    episodes = list(minari.load_dataset("dfplan/random-v0").iterate_episodes())
    assert [len(e) for e in episodes] == [30, 30, 10]
    assert all(e.truncations[-1] and e.truncations.sum() == 1 for e in episodes)
    assert len({tuple(e.observations[0]) for e in episodes}) == 3
    assert dataset.recover_environment().spec.max_episode_steps == 30
    assert [p.name for p in minari_home.iterdir()] == ["dfplan"]  # no temporary folder is left


def test_actions_are_uniform_and_belong_to_their_states(minari_home):
    data = load_trajectories(collect(steps=600).spec.dataset_id)
    last = data.start + data.length - 1
    actions = np.delete(data.action, last, axis=0)
    assert -2 <= actions.min() < -1.9 and 1.9 < actions.max() <= 2
    assert abs(actions.mean()) < 0.2 and abs(actions.std() - 4 / np.sqrt(12)) < 0.1
    # Each observation follows from the one before it and the action there.
    env = gym.make("Pendulum-v1").unwrapped
    env.reset()
    cos, sin, speed = data.state[10]
    env.state = np.array([np.arctan2(sin, cos), speed])
    np.testing.assert_allclose(env.step(data.action[10])[0], data.state[11], atol=1e-5)


def test_the_same_seed_gives_the_same_data(minari_home):
    def fingerprint(dataset_id, seed):
        collect(dataset_id, seed=seed)
        return load_trajectories(dataset_id).fingerprint

    assert fingerprint("a-v0", 3) == fingerprint("b-v0", 3) != fingerprint("c-v0", 4)


def test_goal_observations_and_an_id_with_its_module(minari_home):
    env_id = "dfplan_envs:dfplan/PointMaze_UMaze_D4RL-v0"
    record(env_id, "dfplan/maze-v0", steps=20)
    data = load_trajectories("dfplan/maze-v0")
    assert data.layout.goal_dims == (0, 1) and data.state.shape == (21, 4)


def test_progress_is_reported_regularly(minari_home, monkeypatch):
    monkeypatch.setattr("dfplan.data.collect.REPORT_EVERY", 30)
    done = []
    collect(progress=done.append)
    assert done == [30, 60, 70]


@pytest.mark.parametrize(
    ("env_id", "words"),
    [
        ("Pendulm-v1", ["'Pendulm-v1'", " Pendulum-v1"]),
        ("Pendulum-v7", [" Pendulum-v1"]),
        ("Mine-v0", ["'package:Mine-v0'"]),
        ("nowhere/Mine-v0", ["'package:nowhere/Mine-v0'"]),
        ("no_such_module:Mine-v0", ["no_such_module"]),
        ("json:Mine-v0", ["'json'", "'Mine-v0'"]),
        ("bad id", ["'bad id'", "Malformed"]),
    ],
)
def test_unknown_environments(env_id, words):
    message = refusal(make_env, env_id)
    assert all(word in message for word in words), message


def test_arguments_of_an_environment():
    assert make_env("Pendulum-v1", {"g": 5.0}).unwrapped.g == 5.0
    env = make_env("Pendulum-v1", {"g": 5.0, "render_mode": "human"}, render_mode="rgb_array")
    assert env.render_mode == "rgb_array"
    message = refusal(make_env, "Pendulum-v1", {"gravity": 5.0})
    assert "'Pendulum-v1'" in message and "'gravity'" in message


def test_an_environment_is_identified_by_its_id_and_arguments():
    env = gym.make("Pendulum-v1", g=5.0, max_episode_steps=30)
    assert identify_env(env) == ("Pendulum-v1", {"g": 5.0, "max_episode_steps": 30})
    assert identify_env(gym.make("Pendulum-v1", g=5.0)) == ("Pendulum-v1", {"g": 5.0})
    assert identify_env(gym.wrappers.RescaleAction(env, -1.0, 1.0)) == ("", {})
    assert identify_env(PendulumEnv()) == ("", {})


def test_invalid_arguments_are_refused(minari_home, registered):
    assert "steps must be at least 1, got 0" in refusal(collect, steps=0)
    assert "seed must be at least 0, got -1" in refusal(collect, seed=-1)
    for bad in ("no-version", "bad id-v0", "", "../x-v0"):
        assert f"{bad!r} is malformed; valid: name-v0" in refusal(collect, bad)
    assert "Pendulum-v1" in refusal(record, "Pendulm-v1", "x-v0", steps=1)
    assert "Discrete(2)" in refusal(record, "CartPole-v1", "x-v0", steps=1)
    message = refusal(record, "Test/Unbounded-v0", "x-v0", steps=1)
    assert "supported: Box with bounds" in message


class Push:
    """A policy created for each episode: pushes against the swing with a force from its seed."""

    def __init__(self, env, seed):
        self.force = np.random.default_rng(seed).uniform(0.5, 1)

    def act(self, observation):
        return [-self.force * np.sign(observation[2])]


def test_every_form_of_an_environment_gives_the_same_steps(minari_home, monkeypatch):
    """An id, a function that makes an environment, and an environment, which stays open."""
    closed = []
    env = gym.make("Pendulum-v1", **SHORT)
    record("Pendulum-v1", "my/id-v0", steps=40, policy=Push, env_kwargs=SHORT)
    make = functools.partial(gym.make, "Pendulum-v1")
    record(make, "my/function-v0", steps=40, policy=Push, env_kwargs=SHORT)
    monkeypatch.setattr(PendulumEnv, "close", lambda self: closed.append(self))
    record(env, "my/object-v0", steps=40, policy=Push)
    assert env.unwrapped not in closed
    by_id, *others = (load_trajectories(f"my/{n}-v0") for n in ("id", "function", "object"))
    assert {data.fingerprint for data in others} == {by_id.fingerprint}
    np.testing.assert_array_equal(np.sign(by_id.action[:30, 0]), -np.sign(by_id.state[:30, 2]))
    force = np.abs(by_id.action[[1, 32], 0])
    assert 0.5 <= force.min() < force.max() <= 1  # each episode has a policy of its own


def test_a_function_of_an_observation_is_a_policy(minari_home):
    def brake(observation):
        return -observation[2:]

    dataset = record("Pendulum-v1", "my/brake-v0", steps=20, policy=brake)
    data = load_trajectories("my/brake-v0")
    np.testing.assert_array_equal(data.action[:20], np.clip(-data.state[:20, 2:], -2, 2))
    assert dataset.storage.metadata["algorithm_name"] == "brake, seed 0"


@pytest.mark.parametrize("env", ["Test/Class-v0", PendulumEnv])
def test_environments_whose_entry_point_is_a_class(minari_home, registered, env):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        record(env, "my/class-v0", steps=20)
    assert len(load_trajectories("my/class-v0").state) == 21


def test_a_policy_that_fails_leaves_nothing(minari_home):
    def fails_late(observation):
        if observation[0] < 2:
            raise ValueError("no\nidea")

    message = refusal(record, "Pendulum-v1", "my/late-v0", steps=20, policy=fails_late)
    assert (
        message.startswith("policy 'fails_late' failed: ValueError: no idea (")
        and ".py:" in message
    )
    assert list(minari_home.iterdir()) == []


def test_other_objects_are_refused(minari_home):
    message = refusal(record, 3, "a-v0", steps=1)
    assert "int" in message and "valid: a Gymnasium id" in message
    assert "NoneType" in refusal(record, lambda: None, "a-v0", steps=1)


def test_a_taken_id_is_refused_before_anything_runs(minari_home):
    collect(steps=1)
    message = refusal(collect, steps=10**12)
    assert "'dfplan/random-v0'" in message


def test_nothing_is_left_if_the_environment_fails(minari_home, monkeypatch):
    closed = []
    monkeypatch.setattr(PendulumEnv, "close", lambda self: closed.append(self))

    def fail(self, action):
        raise RuntimeError("broken")

    monkeypatch.setattr(PendulumEnv, "step", fail)
    with pytest.raises(RuntimeError, match="broken"):
        collect()
    assert list(minari_home.iterdir()) == [] and len(closed) == 1
