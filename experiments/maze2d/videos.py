"""Videos: one episode of each maze from above, with the plan that is being followed."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.common import console
from dfplan.data.make_env import make_env
from dfplan.evaluate import success_flag
from dfplan.plots.episode import write_episode
from dfplan.plots.style import CANDIDATE, DRIVEN, INK, PLAN
from dfplan.tasks import Task
from experiments.maze2d.ablate import TABLE_SEED
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
        agent, where = Trained.load(study.run(maze, TABLE_SEED)).agent(), task(maze)
        path = study.pages / "figures" / f"episode-{maze}.gif"
        frames = list(_frames(agent, where, _farthest(where, study.evaluation)))
        write_episode(path, frames, 1 / (EVERY * environment(where).maze.dt), SIZE)
        console.print(f"wrote {path}")


def _farthest(where: Task, seeds: range) -> int:
    """The seed of the episode whose goal is farthest from its start as the crow flies.

    That depends on no result.
    """
    first = first_observations(where, seeds)
    way = [np.linalg.norm(o["desired_goal"] - o["achieved_goal"]) for o in first]
    return seeds[int(np.argmax(way))]


def _frames(agent: Agent, where: Task, seed: int) -> Iterator[np.ndarray]:
    """Pictures `[H, W, 3]` of an episode until a while after it has reached its goal."""
    env = make_env(where.env, where.env_kwargs)
    observation, _ = env.reset(seed=seed)
    agent.reset(seed=[seed])
    scene, step, over = _Scene(env), 0, False
    stay = SECONDS / environment(where).maze.dt
    while not over and stay > 0:
        action = agent.act(observation)
        if step % EVERY == 0:
            yield scene.picture(agent, observation["observation"])
        observation, _, terminated, truncated, info = env.step(action)
        step, over = step + 1, terminated or truncated
        stay -= bool(success_flag(info))
    env.close()


class _Scene:
    """A maze from above, with the ball, where it has been, the plan and its candidates."""

    def __init__(self, env: Any):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.collections import LineCollection
        from matplotlib.figure import Figure

        figure = Figure(dpi=100, facecolor="white")
        self._canvas = FigureCanvasAgg(figure)
        ax = figure.add_axes((0, 0, 1, 1))
        env.unwrapped.draw(ax)
        ax.set_aspect("equal", adjustable="box")
        ax.set_axis_off()
        (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
        scale = SIZE / 100 / max(right - left, high - low)
        figure.set_size_inches(scale * (right - left), scale * (high - low))
        self._candidates = LineCollection([], colors=CANDIDATE, alpha=0.6)
        ax.add_collection(self._candidates)
        (self._plan,) = ax.plot([], [], color=PLAN, linewidth=2)
        (self._driven,) = ax.plot([], [], color=DRIVEN, linewidth=1.6)
        (self._ball,) = ax.plot([], [], "o", color=DRIVEN, markeredgecolor=INK, markersize=7)
        self._way: list[np.ndarray] = []

    def picture(self, agent: Agent, state: np.ndarray) -> np.ndarray:
        """The present frame."""
        assert agent.plan is not None
        self._way.append(state[:2])
        self._candidates.set_segments(list(agent.plan.candidates[0, ..., :2]))
        self._plan.set_data(*agent.plan.states[0, :, :2].T)
        self._driven.set_data(*np.array(self._way).T)
        self._ball.set_data([state[0]], [state[1]])
        self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()
