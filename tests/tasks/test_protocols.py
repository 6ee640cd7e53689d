"""Protocols begin episodes as they promise, whatever the global generator holds."""

import numpy as np
import pytest

from dfplan.tasks.ogbench import OGBenchProtocol
from dfplan.tasks.protocols import PROTOCOLS, SeedProtocol, assign_tasks, wrap_env
from dfplan.tasks.registry import Task
from dfplan.types import UserError

from .goal_env import GOALS, STARTS, GoalEnv


def test_tasks_name_their_protocol():
    assert Task("Walk-v0", "walk-v0").protocol == "seeds"
    assert isinstance(PROTOCOLS.make("seeds"), SeedProtocol)
    assert PROTOCOLS.make("ogbench") == OGBenchProtocol(5)
    with pytest.raises(UserError, match=r"'d4rl'; valid: seeds, ogbench$"):
        PROTOCOLS.make("d4rl")


def test_episodes_are_divided_evenly_among_the_tasks():
    assert assign_tasks(SeedProtocol(), 3) == [None] * 3
    assert assign_tasks(OGBenchProtocol(), 10) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    with pytest.raises(UserError, match=r"7 episodes.*multiple of 5"):
        assign_tasks(OGBenchProtocol(), 7)


def goal_env():
    return wrap_env(OGBenchProtocol(), GoalEnv())


def play(env, seed, steps=4):
    """Begin task 2 and stand still; return observations and the goal."""
    first, info = OGBenchProtocol().reset(env, seed=seed, task=2)
    observations = [first, *(env.step(np.zeros(2))[0] for _ in range(steps))]
    return np.array(observations), info["goal"]


def test_protocols_wrap_environments_only_if_they_say_so():
    env = GoalEnv()
    assert wrap_env(SeedProtocol(), env) is env
    assert wrap_env(OGBenchProtocol(), env).unwrapped is env


@pytest.mark.parametrize("task", [1, 2, 3, 4, 5])
def test_ogbench_reset_begins_the_task_and_shows_its_goal(task):
    protocol = OGBenchProtocol()
    observation, info = protocol.reset(goal_env(), seed=3, task=task)
    goal = protocol.goal_observation(info)
    assert np.abs(observation[:2] - STARTS[task - 1]).max() < 0.3 + 5 * 0.1
    assert np.abs(goal[:2] - GOALS[task - 1]).max() < 0.3 and goal.shape == (4,)


def test_ogbench_episodes_depend_on_their_seed_alone():
    used = goal_env()
    play(used, seed=8)
    used.unwrapped.action_space.sample()
    np.random.seed(1)  # noqa: NPY002
    path, goal = play(used, seed=3)
    np.random.seed(2)  # noqa: NPY002
    path_again, goal_again = play(goal_env(), seed=3)
    np.testing.assert_array_equal(path, path_again)
    np.testing.assert_array_equal(goal, goal_again)
    other, _ = play(used, seed=4)
    assert np.abs(other - path).min(axis=0).min() > 0


def test_ogbench_episodes_side_by_side_are_those_played_alone():
    alone = [play(goal_env(), seed)[0] for seed in (3, 4)]
    protocol = OGBenchProtocol()
    envs = [goal_env(), goal_env()]
    for env, seed in zip(envs, (3, 4), strict=True):
        protocol.reset(env, seed=seed, task=2)
    for step in range(1, 5):
        for env, path in zip(envs, alone, strict=True):
            np.testing.assert_array_equal(env.step(np.zeros(2))[0], path[step])


def test_ogbench_episodes_leave_the_global_generator_as_it_was():
    np.random.seed(7)  # noqa: NPY002
    np.random.standard_normal()  # noqa: NPY002  a second one waits in the generator
    expected = np.random.standard_normal(3)  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    np.random.standard_normal()  # noqa: NPY002
    env = goal_env()
    play(env, seed=3)
    with pytest.raises(AssertionError):
        OGBenchProtocol().reset(env, seed=3, task=6)
    np.testing.assert_array_equal(np.random.standard_normal(3), expected)  # noqa: NPY002


def test_an_environment_without_goals_is_refused():
    with pytest.raises(UserError, match=r"'ogbench'.*goal.*success"):
        OGBenchProtocol().goal_observation({"success": False})
