"""Baselines: random actions and the data's controller, in the form that is evaluated."""

import gymnasium as gym
import numpy as np

from dfplan.evaluation.baselines import PolicyBatch, baselines
from dfplan.evaluation.metrics import measure
from dfplan.evaluation.play import run_episodes
from dfplan.tasks.registry import Task, get_task

PENDULUM = Task("Pendulum-v1", "my/pend-v0")


def score(name, task, seeds=range(10)):
    episodes = run_episodes(
        baselines(task, gym.make(task.env))[name],
        lambda: gym.make(task.env),
        np.array(seeds),
        state=lambda o: o["observation"],
        goal=lambda o: o["desired_goal"],
    )
    return {k: float(v.mean()) for k, v in measure(episodes, task.score).items()}


def test_the_controller_is_far_ahead_of_random_actions():
    task = get_task("pointmaze-umaze")
    controller = score("controller", task)
    random = score("random", task)
    assert controller["success_rate"] >= 0.95
    assert random["success_rate"] <= 0.5
    assert controller["normalized_score"] > random["normalized_score"] + 80


def test_random_actions_follow_their_seed_and_ignore_the_others():
    env = gym.make("Pendulum-v1")
    policy = baselines(PENDULUM, env)["random"]

    def actions(seeds):
        policy.reset(seed=seeds)
        return np.array([policy.act(np.zeros((len(seeds), 3))) for _ in range(5)])

    pair = actions([3, 4])
    np.testing.assert_array_equal(actions([4])[:, 0], pair[:, 1])
    assert np.abs(pair[:, 0] - pair[:, 1]).min() > 0
    assert set(baselines(PENDULUM, env)) == {"random"}


def test_missing_values_are_replaced_by_the_last_observed_ones():
    observed = []

    class Policy:
        def act(self, observation):
            observed.append(observation["observation"].tolist())
            return np.zeros(1)

    policies = PolicyBatch(lambda seed: Policy())
    nan = np.nan
    for episode in ([[nan, 1.0], [2.0, nan], [nan, nan], [3.0, 4.0]], [[nan, 5.0]]):
        policies.reset(seed=[0])
        for reading in episode:
            policies.act({"observation": np.array([reading]), "desired_goal": np.zeros((1, 1))})
    assert observed == [[0, 1], [2, 1], [2, 1], [3, 4], [0, 5]]
