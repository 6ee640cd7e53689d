"""A task's environment: what is fixed about it, and where its episodes begin."""

from typing import Any, NamedTuple

from dfplan.data.make_env import make_env
from dfplan.tasks import Task
from dfplan_envs.pointmaze.env import PointMazeEnv


class Environment(NamedTuple):
    """A PointMaze without its wrappers, and the steps of an episode."""

    maze: PointMazeEnv
    steps: int


def environment(where: Task) -> Environment:
    """The environment of a task."""
    env = make_env(where.env, where.env_kwargs)
    maze, steps = env.unwrapped, env.spec and env.spec.max_episode_steps
    assert isinstance(maze, PointMazeEnv) and steps is not None
    return Environment(maze, steps)


def first_observations(where: Task, seeds: range) -> list[Any]:
    """The observation that each episode begins with."""
    env = make_env(where.env, where.env_kwargs)
    found = [env.reset(seed=seed)[0] for seed in seeds]
    env.close()
    return found
