"""The environment of a PointMaze task: its map, its length and the starts of its episodes."""

from typing import Any, NamedTuple

from dfplan.tasks.make_env import make_env
from dfplan.tasks.registry import Task
from dfplan_envs.pointmaze.env import PointMazeEnv


class MazeEnvironment(NamedTuple):
    """A PointMaze environment without its wrappers.

    Attributes:
        maze: Unwrapped environment.
        steps: Control steps per episode.
    """

    maze: PointMazeEnv
    steps: int


def load_environment(task: Task) -> MazeEnvironment:
    """Make the environment of a task."""
    env = make_env(task.env, task.env_kwargs)
    maze = env.unwrapped
    steps = env.spec and env.spec.max_episode_steps
    assert isinstance(maze, PointMazeEnv) and steps is not None
    return MazeEnvironment(maze, steps)


def first_observations(task: Task, seeds: range) -> list[Any]:
    """Return the first observation of each seed's episode."""
    env = make_env(task.env, task.env_kwargs)
    observations = [env.reset(seed=seed)[0] for seed in seeds]
    env.close()
    return observations
