"""The experiment on your own environment: its controllers, its clone and its table."""

import numpy as np

from dfplan.data.trajectories import from_episodes
from dfplan.representation.layout import Layout
from dfplan.tasks.make_env import make_env
from experiments.common.cloning import Cloning
from experiments.common.reacher import Controller
from experiments.own_env import cases, pusher, run


def test_the_controller_pulls_the_fingertip_to_the_target():
    env = make_env(cases.REACHER.env)
    for seed in range(7000, 7004):
        observation, _ = env.reset(seed=seed)
        controller = Controller(env, seed, gains=(8.0, 8.0), noise=0.0)
        initial = np.linalg.norm(observation[list(cases.VECTOR)])
        for _ in range(50):
            observation, *_ = env.step(controller.act(observation))
        assert np.linalg.norm(observation[list(cases.VECTOR)]) < 0.5 * initial


def test_the_pusher_moves_the_object_toward_its_goal(monkeypatch):
    monkeypatch.setattr("experiments.own_env.pusher.ERRORS", 0.0)
    monkeypatch.setattr("experiments.own_env.pusher.SPEEDS", (0.4, 0.4))
    monkeypatch.setattr("experiments.own_env.pusher.NOISE", 0.0)
    env = make_env(cases.PUSHER.env)
    observation, _ = env.reset(seed=7006)
    controller = pusher.Controller(env, 0)
    initial = _object_distance(observation)
    for _ in range(100):
        observation, *_ = env.step(controller.act(observation))
    assert _object_distance(observation) < initial - 0.03


def _object_distance(observation):
    return np.linalg.norm(observation[pusher.OBJECT] - observation[pusher.GOAL])


def test_planner_settings_of_a_case_have_no_prefix():
    settings = cases.CASES["reacher-reward"].planner
    assert settings == {"candidates": 16, "replan_every": 2}


def test_the_clone_imitates_the_data():
    rng = np.random.default_rng(0)
    states = [rng.normal(size=(41, 3)).astype(np.float32) for _ in range(20)]

    def act(s):
        return np.stack([s[:, 0] - s[:, 2], 2 * s[:, 1]], 1)

    actions = [np.concatenate([act(s[:-1]), np.full((1, 2), 99.0)]) for s in states]
    layout = Layout(3, 2, action_low=(-1.0, -1.0), action_high=(1.0, 1.0))
    data = from_episodes(states, [a.astype(np.float32) for a in actions], layout, "line-v0")
    clone = Cloning(data, steps=600, batch=64, seed=0)
    states = rng.normal(size=(50, 3)).astype(np.float32)
    np.testing.assert_allclose(clone.act(states), np.clip(act(states), -1, 1), atol=0.3)


def test_the_table_compares_planner_and_clone():
    result = {"planner": [3.0, 5.0], "behavior cloning": [1.0, 3.0]}
    *_, planner, cloning, difference = run.return_table([result, result]).splitlines()
    assert planner.startswith("| planner | 4.00 (3.00 to 5.00)")
    assert cloning.startswith("| behavior cloning | 2.00 (1.00 to 3.00)")
    assert difference.endswith("| 2.00 |")
