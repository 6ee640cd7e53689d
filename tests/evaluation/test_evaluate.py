"""Metrics with known answers, and episodes of a scripted environment."""

import functools
import time

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control.pendulum import PendulumEnv

from dfplan.evaluation.episodes import Episodes
from dfplan.evaluation.evaluate import (
    METRICS,
    evaluate,
    interval,
    measure,
    plan_latency,
    run_episodes,
)
from dfplan.representation.layout import Layout
from dfplan.types import UserError

UMAZE = {"min": 23.85, "max": 161.86}
STEPS = 300


def episode(inside, length=STEPS):
    """One that is at the goal at the steps `inside` (0 is the reset) and ends after `length`."""
    success = np.zeros(STEPS + 1, bool)
    success[list(inside)] = True
    success[length:] = success[length]
    reward = success[1:].astype(float)
    reward[length:] = 0
    return reward, success, length


def metrics(*episodes, score=UMAZE, flagged=True):
    reward, success, length = map(np.array, zip(*episodes, strict=True))
    count = len(length)
    states = np.zeros((count, STEPS + 1, 4))
    return measure(
        Episodes(np.arange(count), reward, success if flagged else None, length, states, None),
        score,
    )


def umaze(steps):
    return 100 * (steps - 23.85) / (161.86 - 23.85)


@pytest.mark.parametrize(
    ("inside", "length", "raw", "latched", "first", "reach", "success"),
    [
        (range(100, 301), 300, 201, 201, 100, 1, 1),  # arrives and stays
        (range(100, 150), 300, 50, 201, 100, 1, 0),  # passes through
        ([300], 300, 1, 1, 300, 1, 1),  # at the last moment
        ([], 300, 0, 0, 300, 0, 0),  # never
        (range(301), 300, 300, 300, 0, 1, 1),  # begins there
        ([0], 300, 0, 300, 0, 1, 0),  # begins there and leaves
        ([40], 40, 1, 1, 40, 1, 1),  # ends at the goal
        ([], 40, 0, 0, 40, 0, 0),  # ends elsewhere
    ],
)
def test_metrics_of_episodes_by_hand(inside, length, raw, latched, first, reach, success):
    other = episode(range(1, 301))  # beside it, so that rows cannot be mixed up
    found = metrics(other, episode(inside, length))
    wanted = {
        "raw_return": raw,
        "normalized_score": umaze(raw),
        "latched_score": umaze(latched),
        "first_reach": first,
        "reach_rate": reach,
        "success_rate": success,
    }
    assert set(found) == set(METRICS) == set(wanted)
    for name, value in wanted.items():
        assert found[name].shape == (2,)
        assert found[name][1] == pytest.approx(value), name
    assert found["normalized_score"][0] == pytest.approx(200.0942, abs=1e-3)  # 276.15 / 1.3801
    assert found["first_reach"][0] == 1


def test_metrics_that_a_task_does_not_have():
    unflagged = metrics(episode([5]), flagged=False)
    assert unflagged["raw_return"].tolist() == [1]
    assert unflagged["normalized_score"][0] == pytest.approx(umaze(1))
    none = ("latched_score", "first_reach", "reach_rate", "success_rate")
    assert all(unflagged[name] is None for name in none)
    unscored = metrics(episode([5]), score=None)
    assert unscored["normalized_score"] is None and unscored["latched_score"] is None
    assert unscored["first_reach"].tolist() == [5]


def test_intervals_cover_the_mean_about_95_times_in_100():
    rng, hits, count = np.random.default_rng(0), 0, 150
    for i in range(count):
        found = interval(rng.exponential(2.0, size=50), seed=i)
        assert found["ci_low"] < found["mean"] < found["ci_high"]
        hits += found["ci_low"] <= 2.0 <= found["ci_high"]
    # Binomial: 0.95 +- 0.018; the bootstrap of 50 skewed numbers covers a little less.
    assert 0.88 <= hits / count <= 0.99


def test_an_interval_is_as_wide_as_the_normal_one():
    values = np.random.default_rng(1).normal(3.0, 2.0, size=400)
    found = interval(values)
    half = 1.96 * values.std() / 20
    assert found["mean"] == pytest.approx(values.mean())
    assert found["ci_low"] == pytest.approx(values.mean() - half, abs=0.05 * half * 2)
    assert found["ci_high"] == pytest.approx(values.mean() + half, abs=0.05 * half * 2)
    assert interval(values) == found


@pytest.mark.parametrize("values", [[0.1] * 7, [3.7], [0.0] * 50])
def test_an_interval_of_constant_data_is_a_point(values):
    found = interval(np.array(values))
    assert found["mean"] == found["ci_low"] == found["ci_high"] == pytest.approx(values[0])
    assert interval(None) is None


class Toy:
    """Counts: state (seed, step); the goal is step `reach`, the end is step `end`."""

    made: list["Toy"] = []

    def __init__(self, ends=None, reach=2, flag="success", reward=lambda env: float(env.step_)):
        self.ends, self.reach, self.flag, self.reward = ends or {}, reach, flag, reward
        self.closed = 0
        Toy.made.append(self)

    def _observe(self):
        return {"observation": self.buffer, "desired_goal": np.array([self.reach + self.seed])}

    def _info(self):
        return {self.flag: np.bool_(self.step_ == self.reach)} if self.flag else {}

    def reset(self, *, seed):
        self.seed, self.step_ = seed, 0
        self.buffer = np.array([seed, 0.0], np.float32)  # one array, changed in place
        return self._observe(), self._info()

    def step(self, action):
        assert not self.over(), "a step after the end"
        np.testing.assert_array_equal(action, self.buffer)
        self.step_ += 1
        self.buffer[1] = self.step_
        return self._observe(), self.reward(self), self.over(), self.step_ == 6, self._info()

    def over(self):
        return self.step_ == self.ends.get(self.seed, 6)

    def close(self):
        self.closed += 1


class Echo:
    """Acts with the observation itself."""

    def __init__(self):
        self.resets = []

    def reset(self, mask=None, *, seed=None):
        self.resets.append((mask, seed))

    def act(self, observation):
        assert observation["observation"].shape == (3, 2)
        return observation["observation"]


@pytest.fixture(autouse=True)
def made():
    Toy.made = []
    return Toy.made


def play(agent=None, seeds=(5, 6, 7), progress=None, **toy):
    return run_episodes(
        agent or Echo(),
        lambda: Toy(**toy),
        np.array(seeds),
        state=lambda o: o["observation"],
        goal=lambda o: o["desired_goal"],
        progress=progress,
    )


def test_episodes_side_by_side(made):
    agent = Echo()
    found = play(agent, ends={6: 3})
    assert agent.resets == [(None, [5, 6, 7])]
    assert found.seeds.tolist() == [5, 6, 7] and [env.seed for env in made] == [5, 6, 7]
    assert found.length.tolist() == [6, 3, 6]
    assert found.reward.tolist() == [[1, 2, 3, 4, 5, 6], [1, 2, 3, 0, 0, 0], [1, 2, 3, 4, 5, 6]]
    assert found.success.astype(int).tolist() == [[0, 0, 1, 0, 0, 0, 0]] * 3
    assert found.goals.tolist() == [[7], [8], [9]]
    steps = [0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 3, 3, 3], [0, 1, 2, 3, 4, 5, 6]
    wanted = [[[seed, t] for t in row] for seed, row in zip((5, 6, 7), steps, strict=True)]
    assert found.states.tolist() == wanted
    assert [env.closed for env in made] == [1, 1, 1]


def test_an_end_at_the_goal_stays_a_success():
    found = play(ends={6: 2})
    assert found.success.astype(int).tolist()[1] == [0, 0, 1, 1, 1, 1, 1]
    assert measure(found)["success_rate"].tolist() == [0, 1, 0]


def test_success_flags_of_other_names_and_none():
    assert play(flag="is_success").success[:, 2].all()
    assert play(flag=None).success is None


def test_a_flag_that_is_given_at_the_end_alone():
    class Late(Toy):
        def _info(self):
            return super()._info() if self.step_ and self.over() else {}

    found = run_episodes(
        Echo(),
        lambda: Late(ends={6: 2}),
        np.array([5, 6, 7]),
        state=lambda o: o["observation"],
        goal=lambda o: None,
    )
    assert found.success.sum(axis=1).tolist() == [0, 5, 0] and found.goals is None


def test_progress_every_ten_steps(monkeypatch):
    seen = []
    monkeypatch.setattr(Toy, "over", lambda self: self.step_ == 25)
    monkeypatch.setattr(
        Toy,
        "step",
        lambda self, action: (
            (setattr(self, "step_", self.step_ + 1), 0.0)
            and (self._observe(), 0.0, self.over(), False, {})
        ),
    )
    play(progress=seen.append)
    assert seen == [10, 20]


@pytest.mark.parametrize("reward", [np.nan, np.inf])
def test_a_reward_that_is_no_number(made, reward):
    with pytest.raises(UserError, match=rf"seed 6 gave reward {reward} at step 4"):
        play(reward=lambda env: reward if (env.seed, env.step_) == (6, 4) else 0.0)
    assert [env.closed for env in made] == [1, 1, 1]


def test_environments_are_closed_whatever_happens(made):
    class Broken(Echo):
        def act(self, observation):
            raise RuntimeError("no plan")

    with pytest.raises(RuntimeError, match="no plan"):
        play(Broken())
    assert [env.closed for env in made] == [1, 1, 1]


def test_environments_are_closed_when_the_next_cannot_be_made(made):
    def make():
        if len(made) == 2:
            raise RuntimeError("no memory")
        return Toy()

    with pytest.raises(RuntimeError, match="no memory"):
        run_episodes(Echo(), make, np.arange(3), state=lambda o: o, goal=lambda o: None)
    assert [env.closed for env in made] == [1, 1]


def test_one_environment_plays_episode_after_episode(made):
    class Alone(Echo):
        def act(self, observation):
            assert observation["observation"].shape == (1, 2)
            return observation["observation"]

    agent, env = Alone(), Toy(ends={6: 3})
    seeds = np.array([5, 6, 7])
    found = run_episodes(
        agent, env, seeds, state=lambda o: o["observation"], goal=lambda o: o["desired_goal"]
    )
    assert agent.resets == [(None, [5]), (None, [6]), (None, [7])] and env.closed == 0
    together = play(ends={6: 3})
    for one, other in zip(vars(found).values(), vars(together).values(), strict=True):
        np.testing.assert_array_equal(one, other)


class Still(Echo):
    """An agent of Pendulum that lets it swing."""

    layout = Layout(3, 1)

    def act(self, observation):
        return np.zeros((len(observation), 1), np.float32)


def test_evaluate_takes_an_environment_in_every_form():
    make = functools.partial(gymnasium.make, "Pendulum-v1", max_episode_steps=20)
    kwargs = {"max_episode_steps": 20}
    found = [
        evaluate(Still(), "Pendulum-v1", episodes=3, env_kwargs=kwargs),
        evaluate(Still(), make, episodes=3),
        evaluate(Still(), make(), episodes=3),
        evaluate(Still(), PendulumEnv, episodes=3, max_steps=20),
        evaluate(Still(), PendulumEnv(), episodes=3, max_steps=20),
    ]
    for other in found[1:]:
        assert other["raw_return"] == pytest.approx(found[0]["raw_return"])
    assert -250 < found[0]["raw_return"]["mean"] < 0 and found[0]["reach_rate"] is None
    elsewhere = evaluate(Still(), make, episodes=3, seed=5)["raw_return"]
    assert elsewhere != pytest.approx(found[0]["raw_return"])
    score = {"min": 0.0, "max": -1.0}
    scored = evaluate(Still(), make, episodes=3, score=score)
    mean = found[0]["raw_return"]["mean"]
    assert scored["normalized_score"]["mean"] == pytest.approx(-100 * mean)


def test_what_cannot_be_evaluated():
    with pytest.raises(UserError, match="no time limit that is known; give max_steps"):
        evaluate(Still(), PendulumEnv())
    with pytest.raises(UserError, match="dict .*; valid: a Gymnasium id"):
        evaluate(Still(), {})


def test_no_seeds():
    with pytest.raises(UserError, match="give at least one"):
        play(seeds=())


def test_latency_is_that_of_a_call_that_plans():
    class Sleeper:
        planned, seen = 0, []

        def reset(self, mask=None, *, seed=None):
            assert mask is None
            self.fresh = True

        def act(self, observation):
            # The first call compiles; without a reset a call would not plan.
            time.sleep((1.0 if not self.planned else 0.01) if self.fresh else 0)
            self.planned += self.fresh
            self.fresh = False
            self.seen.append(observation)

    agent = Sleeper()
    found = plan_latency(agent, ["a", "b", "c"], calls=6)
    assert agent.planned == 7 and agent.seen == ["a", "b", "c", "a", "b", "c", "a"]
    assert 10 <= found["p50"] <= found["p99"] < 500


def test_the_agent_sees_observations_and_states_are_true():
    class Blind(Toy):
        """Observes nothing but NaN, and says what there would have been."""

        def _observe(self):
            return {**super()._observe(), "observation": np.full(2, np.nan)}

        def _info(self):
            return {**super()._info(), "true_observation": Toy._observe(self)}

    class Still(Echo):
        def act(self, observation):
            assert np.isnan(observation["observation"]).all()
            return np.array([env.buffer for env in Toy.made])

    found = run_episodes(
        Still(),
        lambda: Blind(ends={6: 3}),
        np.array([5, 6, 7]),
        state=lambda o: o["observation"],
        goal=lambda o: o["desired_goal"],
    )
    clean = play(ends={6: 3})
    np.testing.assert_array_equal(found.states, clean.states)
    np.testing.assert_array_equal(found.success, clean.success)
    assert found.goals.tolist() == clean.goals.tolist()
