"""The experiment of an environment of one's own: its controller, its clone and its table."""

import numpy as np
from dfplan.data.layout import Layout
from dfplan.data.make_env import make_env

from dfplan.data.minari_io import from_episodes
from experiments.own_env import cases, pusher, run
from experiments.own_env.cloning import Cloning
from experiments.own_env.reacher import Controller


def test_the_controller_pulls_the_fingertip_to_the_target(monkeypatch):
    monkeypatch.setattr("experiments.own_env.reacher.NOISE", 0.0)
    monkeypatch.setattr("experiments.own_env.reacher.GAINS", (8.0, 8.0))
    env = make_env(cases.REACHER.env)
    for seed in range(7000, 7004):
        observation, _ = env.reset(seed=seed)
        controller, begin = Controller(env, seed), np.linalg.norm(observation[list(cases.VECTOR)])
        for _ in range(50):
            observation, *_ = env.step(controller.act(observation))
        assert np.linalg.norm(observation[list(cases.VECTOR)]) < 0.5 * begin


def test_the_other_takes_the_object_towards_its_goal(monkeypatch):
    monkeypatch.setattr("experiments.own_env.pusher.ERRORS", 0.0)
    monkeypatch.setattr("experiments.own_env.pusher.SPEEDS", (0.4, 0.4))
    monkeypatch.setattr("experiments.own_env.pusher.NOISE", 0.0)
    env = make_env(cases.PUSHER.env)
    observation, _ = env.reset(seed=7006)
    controller, begin = pusher.Controller(env, 0), _to_go(observation)
    for _ in range(100):
        observation, *_ = env.step(controller.act(observation))
    assert _to_go(observation) < begin - 0.03


def _to_go(observation):
    return np.linalg.norm(observation[pusher.OBJECT] - observation[pusher.GOAL])


def test_a_case_knows_its_planner():
    found = cases.CASES["reacher-reward"].planner
    assert found["candidates"] == 16 and not any("." in name for name in found)


def test_the_clone_does_what_the_data_did():
    rng = np.random.default_rng(0)
    states = [rng.normal(size=(41, 3)).astype(np.float32) for _ in range(20)]
    act = lambda s: np.stack([s[:, 0] - s[:, 2], 2 * s[:, 1]], 1)  # noqa: E731
    actions = [np.concatenate([act(s[:-1]), np.full((1, 2), 99.0)]) for s in states]
    layout = Layout(3, 2, action_low=(-1.0, -1.0), action_high=(1.0, 1.0))
    data = from_episodes(states, [a.astype(np.float32) for a in actions], layout, "line-v0")
    clone = Cloning(data, steps=600, batch=64, seed=0)
    states = rng.normal(size=(50, 3)).astype(np.float32)
    np.testing.assert_allclose(clone.act(states), np.clip(act(states), -1, 1), atol=0.3)


def test_the_table_says_who_is_ahead():
    result = {"planner": [3.0, 5.0], "behaviour cloning": [1.0, 3.0]}
    *_, planner, cloning, ahead = run.table([result, result]).splitlines()
    assert planner.startswith("| planner | 4.00 (3.00 to 5.00)")
    assert cloning.startswith("| behaviour cloning | 2.00 (1.00 to 3.00)")
    assert ahead.endswith("| 2.00 (2.00 to 2.00) |")
