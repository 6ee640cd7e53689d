"""Episodes of a scripted environment."""

import numpy as np
import pytest
from gymnasium.spaces import Box

from dfplan.evaluation.metrics import measure
from dfplan.evaluation.play import run_episodes, success_flag
from dfplan.types import UserError


class Toy:
    """Counts: the state is (seed, step); the goal is step `reach`, the end is step `ends[seed]`."""

    action_space = Box(-np.inf, np.inf, (2,))
    instances: list["Toy"] = []

    def __init__(self, ends=None, reach=2, flag="success", reward=lambda env: float(env.count)):
        self.ends = ends or {}
        self.reach = reach
        self.flag = flag
        self.reward = reward
        self.closed = 0
        Toy.instances.append(self)

    def _observe(self):
        return {"observation": self.buffer, "desired_goal": np.array([self.reach + self.seed])}

    def _info(self):
        return {self.flag: np.bool_(self.count == self.reach)} if self.flag else {}

    def reset(self, *, seed):
        self.seed = seed
        self.count = 0
        self.buffer = np.array([seed, 0.0], np.float32)  # one array, changed in place
        return self._observe(), self._info()

    def step(self, action):
        assert not self.ended(), "a step after the end"
        np.testing.assert_array_equal(action, self.buffer)
        self.count += 1
        self.buffer[1] = self.count
        return self._observe(), self.reward(self), self.ended(), self.count == 6, self._info()

    def ended(self):
        return self.count == self.ends.get(self.seed, 6)

    def close(self):
        self.closed += 1


class Echo:
    """Acts with the observation itself."""

    def __init__(self):
        self.resets = []

    def reset(self, mask=None, *, seed=None):
        self.resets.append((mask, seed))

    def act(self, observation, *, episode_over=None):
        assert observation["observation"].shape == (3, 2)
        return observation["observation"]


@pytest.fixture(autouse=True)
def toys():
    Toy.instances = []
    return Toy.instances


def observed_state(observation):
    return observation["observation"]


def observed_goal(observation):
    return observation["desired_goal"]


def play(agent=None, seeds=(5, 6, 7), progress=None, env=Toy, num_envs=64, **options):
    return run_episodes(
        agent or Echo(),
        lambda: env(**options),
        np.array(seeds),
        state=observed_state,
        goal=observed_goal,
        progress=progress,
        num_envs=num_envs,
    )


def test_episodes_side_by_side(toys):
    agent = Echo()
    episodes = play(agent, ends={6: 3})
    assert agent.resets == [(None, [5, 6, 7])]
    assert episodes.seeds.tolist() == [5, 6, 7] and [env.seed for env in toys] == [5, 6, 7]
    assert episodes.length.tolist() == [6, 3, 6]
    whole = [1, 2, 3, 4, 5, 6]
    assert episodes.reward.tolist() == [whole, [1, 2, 3, 0, 0, 0], whole]
    assert episodes.success.astype(int).tolist() == [[0, 0, 1, 0, 0, 0, 0]] * 3
    assert episodes.goals.tolist() == [[7], [8], [9]]
    steps = [[0, *whole], [0, 1, 2, 3, 3, 3, 3], [0, *whole]]
    states = [[[seed, t] for t in row] for seed, row in zip((5, 6, 7), steps, strict=True)]
    assert episodes.states.tolist() == states
    assert [env.closed for env in toys] == [1, 1, 1]


def test_an_end_at_the_goal_stays_a_success():
    episodes = play(ends={6: 2})
    assert episodes.success.astype(int).tolist()[1] == [0, 0, 1, 1, 1, 1, 1]
    assert measure(episodes)["success_rate"].tolist() == [0, 1, 0]


@pytest.mark.parametrize("value", ["False", 0.3, np.array([True, False])], ids=repr)
def test_a_success_that_is_no_flag_is_refused(value):
    with pytest.raises(UserError) as caught:
        success_flag({"is_success": value})
    assert "is_success" in str(caught.value) and "0 or 1" in str(caught.value)


def test_a_success_of_none_is_no_flag():
    assert success_flag({"success": None}) is None
    assert success_flag({"success": None, "is_success": np.float32(1)}) is True


def test_success_flags_by_another_name_or_missing():
    assert play(flag="is_success").success[:, 2].all()
    assert play(flag=None).success is None


def test_a_flag_that_is_given_at_the_end_alone():
    class Late(Toy):
        def _info(self):
            return super()._info() if self.count and self.ended() else {}

    episodes = run_episodes(
        Echo(),
        lambda: Late(ends={6: 2}),
        np.array([5, 6, 7]),
        state=observed_state,
        goal=lambda observation: None,
    )
    assert episodes.success.sum(axis=1).tolist() == [0, 5, 0] and episodes.goals is None


def test_progress_every_ten_steps():
    class Long(Toy):
        def step(self, action):
            self.count += 1
            return self._observe(), 0.0, self.count == 25, False, self._info()

    reports = []
    play(progress=lambda *report: reports.append(report), env=Long)
    assert reports == [(0, 30), (0, 60), (3, 0)]
    reports.clear()
    play(Watch(), progress=lambda *report: reports.append(report), env=Long, num_envs=1)
    slices = [[(done, 10), (done, 20), (done + 1, 0)] for done in range(3)]
    assert reports == [report for part in slices for report in part]


class Watch(Echo):
    """Acts with the observation, and records its batches."""

    def __init__(self):
        super().__init__()
        self.over = []

    def act(self, observation, *, episode_over=None):
        self.over.append(episode_over.tolist())
        return observation["observation"]


@pytest.mark.parametrize(("num_envs", "size"), [(1, 1), (2, 2), (3, 3), (4, 3), (6, 5), (9, 5)])
def test_no_result_depends_on_the_number_of_environments(toys, num_envs, size):
    seeds = (5, 6, 7, 8, 9)
    ends = {6: 3, 8: 2}
    together = play(Watch(), seeds, ends=ends, num_envs=64)
    toys.clear()
    agent = Watch()
    episodes = play(agent, seeds, ends=ends, num_envs=num_envs)
    for one, other in zip(vars(episodes).values(), vars(together).values(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(toys) == size and all(env.closed == 1 for env in toys)
    # The batch keeps its size, and the agent need not act where no episode is played.
    assert {len(over) for over in agent.over} == {len(seeds) for _, seeds in agent.resets} == {size}
    assert np.sum(np.logical_not([o for over in agent.over for o in over])) == 6 + 3 + 6 + 2 + 6


def test_environments_are_made_once_and_play_all_slices(toys):
    played = []

    class Counted(Toy):
        def reset(self, *, seed):
            played.append((toys.index(self), sum(not env.closed for env in toys)))
            return super().reset(seed=seed)

    play(Watch(), range(5), env=Counted, num_envs=2)
    assert played == [(0, 2), (1, 2), (0, 2), (1, 2), (0, 2)]


def test_a_number_of_environments_that_is_not_positive():
    with pytest.raises(UserError, match=r"num_envs.* at least 1, got 0"):
        play(num_envs=0)


@pytest.mark.parametrize("reward", [np.nan, np.inf])
def test_a_reward_that_is_not_finite(toys, reward):
    with pytest.raises(UserError, match=rf"seed 6 .*{reward} at step 4"):
        play(reward=lambda env: reward if (env.seed, env.count) == (6, 4) else 0.0)
    assert [env.closed for env in toys] == [1, 1, 1]


def test_environments_are_closed_whatever_happens(toys):
    class Broken(Echo):
        def act(self, observation, *, episode_over=None):
            raise RuntimeError("no plan")

    with pytest.raises(RuntimeError, match="no plan"):
        play(Broken())
    assert [env.closed for env in toys] == [1, 1, 1]


def test_environments_are_closed_when_the_next_cannot_be_made(toys):
    def make():
        if len(toys) == 2:
            raise RuntimeError("no memory")
        return Toy()

    with pytest.raises(RuntimeError, match="no memory"):
        run_episodes(Echo(), make, np.arange(3), state=observed_state, goal=observed_goal)
    assert [env.closed for env in toys] == [1, 1]


def test_one_environment_plays_episode_after_episode(toys):
    class Single(Echo):
        def act(self, observation, *, episode_over=None):
            assert observation["observation"].shape == (1, 2)
            return observation["observation"]

    agent = Single()
    env = Toy(ends={6: 3})
    seeds = np.array([5, 6, 7])
    episodes = run_episodes(agent, env, seeds, state=observed_state, goal=observed_goal)
    assert agent.resets == [(None, [5]), (None, [6]), (None, [7])] and env.closed == 0
    together = play(ends={6: 3})
    for one, other in zip(vars(episodes).values(), vars(together).values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_seeds():
    with pytest.raises(UserError, match="at least one"):
        play(seeds=())


def test_the_agent_sees_observations_and_states_are_true():
    class Blind(Toy):
        """Observes only NaN, and reports the true observation."""

        def _observe(self):
            return {**super()._observe(), "observation": np.full(2, np.nan)}

        def _info(self):
            return {**super()._info(), "true_observation": Toy._observe(self)}

    class Informed(Echo):
        def act(self, observation, *, episode_over=None):
            assert np.isnan(observation["observation"]).all()
            return np.array([env.buffer for env in Toy.instances])

    episodes = play(Informed(), env=Blind, ends={6: 3})
    Toy.instances = []
    clean = play(ends={6: 3})
    np.testing.assert_array_equal(episodes.states, clean.states)
    np.testing.assert_array_equal(episodes.success, clean.success)
    assert episodes.goals.tolist() == clean.goals.tolist()


class Whole(Toy):
    """Accepts whole numbers up to three."""

    action_space = Box(0, 3, (2,), np.int64)

    def step(self, action):
        assert self.action_space.contains(action)
        np.testing.assert_array_equal(action, self.buffer.clip(0, 3))
        self.count += 1
        self.buffer[1] = self.count
        return self._observe(), 0.0, False, self.count == 6, {}


def test_actions_fit_an_environment_whose_bounds_the_agent_does_not_know():
    episodes = play(env=Whole, seeds=(0, 1, 2))
    assert episodes.length.tolist() == [6, 6, 6]
