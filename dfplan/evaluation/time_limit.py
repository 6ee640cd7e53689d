"""Time limits: every episode of an evaluation must end."""

import dataclasses
from typing import Any

from dfplan.tasks.registry import Task
from dfplan.types import UserError


def limit_steps(task: Task, max_steps: int | None) -> Task:
    """Return the task with its episodes limited to `max_steps`; unchanged if None.

    The limited task has no score, because a score's constants hold for the original time limit.
    """
    if max_steps is None:
        return task
    env_kwargs = {**task.env_kwargs, "max_episode_steps": max_steps}
    return dataclasses.replace(task, env_kwargs=env_kwargs, score=None)


def time_limit(env: Any, option: str = "max_steps") -> int:
    """Return the time limit of an environment in steps.

    Args:
        env: Gymnasium environment.
        option: Name of the caller's option that sets a limit, for the error message.

    Raises:
        UserError: If the environment has no time limit.
    """
    limit = env.spec.max_episode_steps if env.spec else None
    if limit is None:
        name = env.spec.id if env.spec else str(env)
        raise UserError(f"environment {name!r} has no time limit; set one with {option}")
    return limit
