"""Videos: one episode of each maze from above, with the active plan."""

import contextlib

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.common import console
from dfplan.plots.matplotlib_frames import MatplotlibRenderer
from dfplan.plots.video_frames import video_frames
from dfplan.plots.write_video import write_video
from dfplan.tasks.make_env import make_env
from dfplan.tasks.registry import Task
from experiments.common.environment import first_observations, load_environment
from experiments.common.trained import Trained
from experiments.maze2d.study import Study, maze_task

EVERY = 4
"""Control steps per frame."""
SECONDS = 1.0
"""Seconds that the ball is shown at the goal."""
SIZE = 400
"""Pixels of the longer side."""


def write_videos(study: Study) -> None:
    """Write a GIF for each maze, of the episode whose goal is farthest from its start."""
    for maze in study.mazes:
        agent = Trained.load(study.shown(maze)).agent()
        task = maze_task(maze)
        path = study.pages / "figures" / f"episode-{maze}.gif"
        frames = _frames(agent, task, _farthest(task, study.evaluation))
        fps = 1 / (EVERY * load_environment(task).maze.dt)
        write_video(path, frames, fps=fps, size=SIZE)
        console.print(f"wrote {path}")


def _farthest(task: Task, seeds: range) -> int:
    """Return the seed of the episode with the largest straight-line distance to the goal.

    The choice depends on no result.
    """
    observations = first_observations(task, seeds)
    distances = [np.linalg.norm(o["desired_goal"] - o["achieved_goal"]) for o in observations]
    return seeds[int(np.argmax(distances))]


def _frames(agent: Agent, task: Task, seed: int) -> list[np.ndarray]:
    with contextlib.closing(make_env(task.env, task.env_kwargs)) as env:
        stay = round(SECONDS / load_environment(task).maze.dt)
        frames = video_frames(
            agent,
            env,
            seed,
            make_renderer=lambda: MatplotlibRenderer(agent, env, SIZE),
            every=EVERY,
            stay=stay,
        )
        return list(frames)
