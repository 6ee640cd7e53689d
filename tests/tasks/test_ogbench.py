"""OGBench's protocol, against a scorer that is written like OGBench's own evaluation."""

import functools

import gymnasium
import numpy as np
import pytest

from dfplan.evaluation.evaluate import evaluate
from dfplan.evaluation.metrics import measure, score_tasks
from dfplan.evaluation.play import run_episodes
from dfplan.representation.layout import Layout
from dfplan.tasks.ogbench import OGBenchProtocol
from dfplan.tasks.protocols import wrap_env

from .goal_env import LIMIT, GoalEnv

SEED = 40
EPISODES = 50
LAYOUT = Layout(4, 2, goal_dims=(0, 1))


class Seeker:
    """Walks toward its goal with a random error, which its seed decides; often it is too slow."""

    layout = LAYOUT

    def reset(self, mask=None, *, seed=None):
        self.rngs = [np.random.default_rng(s) for s in seed]

    def act(self, observation, goal=None, *, episode_over=None):
        assert goal.shape == (len(observation), 2)
        toward = goal - observation[:, :2]
        toward /= np.maximum(np.linalg.norm(toward, axis=1, keepdims=True), 1.0)
        return 0.6 * toward + np.stack([rng.normal(scale=0.5, size=2) for rng in self.rngs])


def score_by_hand():
    """Success of each episode `[5, EPISODES / 5]`: one environment, episode after episode."""
    env = gymnasium.wrappers.TimeLimit(GoalEnv(), LIMIT)
    agent = Seeker()
    success = []
    for i in range(EPISODES):
        np.random.seed(SEED + i)  # noqa: NPY002
        env.action_space.seed(SEED + i)
        options = {"task_id": i // (EPISODES // 5) + 1}
        observation, info = env.reset(seed=SEED + i, options=options)
        goal = info["goal"][None, :2].astype(np.float32)
        agent.reset(seed=[SEED + i])
        done = False
        while not done:
            action = agent.act(observation[None], goal=goal)[0]
            observation, _, terminated, truncated, info = env.step(action)
            done = terminated or truncated
        success.append(info["success"])
    return np.array(success).reshape(5, -1)


@pytest.fixture(scope="module")
def by_hand():
    return score_by_hand()


@pytest.mark.parametrize("form", ["id", "environment"])
def test_every_episode_ends_as_the_scorer_says(by_hand, form):
    make = functools.partial(gymnasium.make, "GoalEnv-v0")
    episodes = run_episodes(
        Seeker(),
        make if form == "id" else make(),
        np.arange(SEED, SEED + EPISODES),
        state=LAYOUT.state,
        goal=LAYOUT.goal,
        goal_dims=LAYOUT.goal_dims,
        protocol=OGBenchProtocol(),
    )
    metrics = measure(episodes)
    np.testing.assert_array_equal(metrics["success_rate"], by_hand.ravel())
    assert 0.2 < by_hand.mean() < 0.9 and np.ptp(by_hand.mean(axis=1)) > 0.2  # neither is trivial
    scores = score_tasks(metrics, OGBenchProtocol())
    assert list(scores) == ["task1", "task2", "task3", "task4", "task5", "overall"]
    means = [score["success_rate"]["mean"] for score in scores.values()]
    np.testing.assert_allclose(means, [*by_hand.mean(axis=1), by_hand.mean()])
    steps = episodes.length[by_hand.ravel() == 1]
    assert scores["overall"]["success_steps"]["mean"] == pytest.approx(steps.mean())
    first = episodes.length[: EPISODES // 5][by_hand[0] == 1]
    assert scores["task1"]["success_steps"]["mean"] == pytest.approx(first.mean())


def test_evaluate_reports_each_task_and_all_together(by_hand):
    result = evaluate(Seeker(), "GoalEnv-v0", episodes=EPISODES, seed=SEED, protocol="ogbench")
    assert result["success_rate"]["mean"] == pytest.approx(by_hand.mean())
    rates = {name: score["success_rate"]["mean"] for name, score in result["tasks"].items()}
    assert rates["task5"] == pytest.approx(by_hand[4].mean())
    assert rates["overall"] == pytest.approx(by_hand.mean())


def test_a_planner_without_goals_is_not_given_any():
    class Still(Seeker):
        layout = Layout(4, 2)

        def act(self, observation, *, episode_over=None):
            return np.zeros((len(observation), 2))

    result = evaluate(Still(), "GoalEnv-v0", episodes=5, protocol="ogbench")
    assert result["success_rate"]["mean"] == 0 and result["raw_return"]["mean"] == -LIMIT
    assert result["tasks"]["task2"]["success_rate"]["mean"] == 0
    assert result["tasks"]["task2"]["success_steps"] is None


class Arm(GoalEnv):
    """As in OGBench's manipulation suite: new action spaces, and a trace of earlier episodes."""

    previous_task = 0

    def __init__(self):
        pass

    @property
    def action_space(self):
        return gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, options=None, *args, **kwargs):
        observation, info = super().reset(options, *args, **kwargs)
        trace = self.previous_task / 1000
        self.previous_task = self.task
        return observation + trace, info


def test_an_episode_depends_on_its_seed_alone():
    protocol = OGBenchProtocol()
    starts = []
    for earlier in ((), (1,), (3, 2)):
        env = wrap_env(protocol, Arm())
        for task in earlier:
            protocol.reset(env, 5, task)
        observation, info = protocol.reset(env, 6, 4)
        starts.append(np.concatenate([observation, info["goal"]]))
    np.testing.assert_array_equal(starts[0], starts[1])
    np.testing.assert_array_equal(starts[0], starts[2])
    other, _ = protocol.reset(wrap_env(protocol, Arm()), 7, 4)
    assert not np.array_equal(other, starts[0][:4])
