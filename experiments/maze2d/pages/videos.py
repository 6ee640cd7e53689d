"""Videos: one episode of each maze from above, with the plan that is being followed."""

import contextlib

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.common import console
from dfplan.data.make_env import make_env
from dfplan.plots.episode import write_episode
from dfplan.plots.film import film
from dfplan.plots.plane import PlanePicture
from dfplan.tasks import Task
from experiments.maze2d.environment import environment, first_observations
from experiments.maze2d.evaluate import Trained
from experiments.maze2d.study import Study, task

EVERY = 4
"""Control steps from one frame to the next."""
SECONDS = 1.0
"""How long the ball is shown at the goal."""
SIZE = 400
"""Pixels of the longer side."""


def draw_videos(study: Study) -> None:
    """Write a GIF for each maze, of the episode whose goal is farthest from its start."""
    for maze in study.mazes:
        agent, where = Trained.load(study.shown(maze)).agent(), task(maze)
        path = study.pages / "figures" / f"episode-{maze}.gif"
        frames = _frames(agent, where, _farthest(where, study.evaluation))
        write_episode(path, frames, 1 / (EVERY * environment(where).maze.dt), SIZE)
        console.print(f"wrote {path}")


def _farthest(where: Task, seeds: range) -> int:
    """The seed of the episode whose goal is farthest from its start as the crow flies.

    That depends on no result.
    """
    first = first_observations(where, seeds)
    way = [np.linalg.norm(o["desired_goal"] - o["achieved_goal"]) for o in first]
    return seeds[int(np.argmax(way))]


def _frames(agent: Agent, where: Task, seed: int) -> list[np.ndarray]:
    with contextlib.closing(make_env(where.env, where.env_kwargs)) as env:
        stay = round(SECONDS / environment(where).maze.dt)
        frames = film(
            agent, env, seed, lambda: PlanePicture(agent, env, SIZE), every=EVERY, stay=stay
        )
        return list(frames)
