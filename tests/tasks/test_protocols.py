"""Protocols begin episodes as they promise, whatever the global generator holds."""

import numpy as np
import pytest

from dfplan.tasks.ogbench import OGBenchProtocol
from dfplan.tasks.protocols import PROTOCOLS, SeedProtocol, assign_tasks
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


@pytest.mark.parametrize("task", [1, 2, 3, 4, 5])
def test_ogbench_reset_begins_the_task_and_shows_its_goal(task):
    protocol = OGBenchProtocol()
    observation, info = protocol.reset(GoalEnv(), seed=3, task=task)
    goal = protocol.goal_observation(info)
    assert np.abs(observation[:2] - STARTS[task - 1]).max() < 0.3 + 5 * 0.1
    assert np.abs(goal[:2] - GOALS[task - 1]).max() < 0.3 and goal.shape == (4,)


def test_ogbench_reset_depends_on_its_seed_alone():
    protocol = OGBenchProtocol()
    used = GoalEnv()
    used.reset(seed=8)
    used.action_space.sample()
    starts = [protocol.reset(env, seed=s, task=2) for env, s in ((used, 3), (GoalEnv(), 3))]
    np.testing.assert_array_equal(starts[0][0], starts[1][0])
    np.testing.assert_array_equal(starts[0][1]["goal"], starts[1][1]["goal"])
    other, _ = protocol.reset(used, seed=4, task=2)
    assert np.abs(other - starts[0][0]).min() > 0


def test_ogbench_reset_leaves_the_global_generator_as_it_was():
    np.random.seed(7)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    OGBenchProtocol().reset(GoalEnv(), seed=3, task=1)
    np.testing.assert_array_equal(np.random.random(3), expected)  # noqa: NPY002


def test_an_environment_without_goals_is_refused():
    with pytest.raises(UserError, match=r"'ogbench'.*goal.*success"):
        OGBenchProtocol().goal_observation({"success": False})
