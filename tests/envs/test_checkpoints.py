"""The trained planners that come with the package: whole, small, and able to reach a goal."""

import contextlib

import numpy as np
import pytest
from dfplan.data.make_env import make_env
from dfplan.evaluate import measure, run_episodes
from dfplan.find import find_run
from dfplan.run import load_weights

from dfplan.agent import Agent
from dfplan_envs.tasks import TASKS

TRAINED = sorted(name for name, record in TASKS.items() if record["checkpoint"])
LARGEST = 10e6
"""Bytes of one checkpoint: all of them are in the wheel."""


def test_every_named_maze_comes_trained():
    assert set(TASKS) - set(TRAINED) == {"pointmaze", "tmaze"}


@pytest.mark.parametrize("name", TRAINED)
def test_checkpoint_fits_its_task(name):
    run, directory, _ = find_run(name)
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= LARGEST
    assert not [path for path in files if "training" in path.parts]
    assert run.command.startswith("dfplan train ")
    # All the tasks of a maze show the same states, so one planner serves them.
    assert run.task.dataset == TASKS[name]["dataset"]
    load_weights(run, directory)
    with contextlib.closing(make_env(run.task.env, run.task.env_kwargs)) as env:
        run.check_env(env)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_checkpoint_reaches_a_goal(name):
    agent, task = Agent.load(name), find_run(name).run.task
    episodes = run_episodes(
        agent,
        lambda: make_env(task.env, task.env_kwargs),
        np.array([7000]),
        state=agent.layout.state,
        goal=agent.layout.goal,
    )
    reached = measure(episodes, task.score)["reach_rate"]
    assert reached is not None and reached.all()
