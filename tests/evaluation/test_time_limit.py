"""Time limits of environments and tasks."""

import gymnasium
import pytest
from gymnasium.envs.classic_control.pendulum import PendulumEnv

from dfplan.evaluation.time_limit import limit_steps, time_limit
from dfplan.tasks.registry import Task
from dfplan.types import UserError

TASK = Task("Pendulum-v1", "my/pend-v0", env_kwargs={"g": 9.0}, score={"min": 0.0, "max": 1.0})


def test_a_limited_task_has_no_score():
    limited = limit_steps(TASK, 12)
    assert limited.env_kwargs == {"g": 9.0, "max_episode_steps": 12} and limited.score is None
    assert time_limit(gymnasium.make(limited.env, **limited.env_kwargs)) == 12
    assert limit_steps(TASK, None) is TASK


def test_the_registered_limit():
    assert time_limit(gymnasium.make("Pendulum-v1")) == 200


def test_no_limit_names_the_option():
    with pytest.raises(UserError, match=r"Pendulum.*--max-steps"):
        time_limit(PendulumEnv(), "--max-steps")
