"""Figures: plans and driven paths of a maze's five tasks, and stitched windows over their data."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.colors import ListedColormap

from dfplan.agent import Agent
from dfplan.cli.common import console
from dfplan.data.training_arrays import make_training_arrays
from dfplan.data.windows import batch_key, sample_batch
from dfplan.evaluation.episodes import Episodes
from dfplan.plots.plans import PlanCase, draw_plans
from dfplan.plots.style import INK, PLAN, mark_ends, name_axes
from dfplan.runs.data import load_data
from dfplan.runs.run import Run
from dfplan.tasks.make_env import make_env
from dfplan_envs.ogbench.cells import UNIT
from experiments.common.figures import new_figure, save_figure
from experiments.common.protocol_episodes import play
from experiments.common.task_study import TaskStudy
from experiments.ogbench.study import STUDY

SEED = 0
"""Training seed of the runs that are shown."""
TASKS = 5
WINDOWS = 5
DATA_EPISODES = 300
WALL = "#d9d9d9"


def draw_figures(study: TaskStudy) -> None:
    """Draw every task of the study whose run is trained, without selection of episodes."""
    for name in study.names:
        if study.run(name, SEED).is_dir():
            draw_episodes(study, name)
            draw_windows(study, name)


def draw_episodes(study: TaskStudy, name: str) -> None:
    """Draw the first plan and the driven path of the first episode of each of a maze's tasks."""
    task = study.task(name)
    agent = study.load(name, SEED).agent()
    first = study.evaluation.start
    episodes = play(agent, task, range(first, first + TASKS))
    cases = [_case(agent, episodes, index) for index in range(TASKS)]
    path = study.pages / "figures" / f"plans-{name}.png"
    draw_plans(path, cases, _wall_painter(name), unit="m")
    console.print(f"wrote {path}")


def _case(agent: Agent, episodes: Episodes, index: int) -> PlanCase:
    assert episodes.goals is not None and episodes.success is not None
    agent.reset(seed=[int(episodes.seeds[index])])
    agent.plan_from(episodes.states[index, 0], episodes.goals[index])
    plan = agent.plan
    assert plan is not None
    length = int(episodes.length[index])
    reached = bool(episodes.success[index, length])
    tokens = int(np.ceil(plan.arrival[0] / agent.planner.model.layout.stride)) + 1
    return PlanCase(
        candidates=np.asarray(plan.candidates)[0, :, :tokens, :2],
        best=int(plan.best[0]),
        driven=episodes.states[index, : length + 1, :2],
        goal=episodes.goals[index],
        title=f"task {index + 1}: " + (f"{length} steps" if reached else "not reached"),
    )


def draw_windows(study: TaskStudy, name: str) -> None:
    """Draw training windows, each in a panel, over some of the episodes that they are made from."""
    run = Run.load(study.run(name, SEED))
    data = load_data(run)
    arrays = make_training_arrays(data, run.config.data, run.states, actions=run.actions)
    layout = run.model.layout
    batch = sample_batch(batch_key(SEED, 0), arrays, layout, run.config.data, WINDOWS)
    figure = new_figure(3.2 * WINDOWS, 3.0)
    axes = figure.subplots(1, WINDOWS)
    paint = _wall_painter(name)
    for ax, window in zip(axes, np.asarray(_positions(batch.tokens[:, 1:], run)), strict=True):
        paint(ax)
        for start, length in zip(data.start[:DATA_EPISODES], data.length, strict=False):
            episode = data.state[start : start + length, :2]
            ax.plot(*episode.T, color="#999999", linewidth=0.3, zorder=1)
        ax.plot(*window.T, color=PLAN, marker=".", zorder=3)
        mark_ends(ax, window[0], window[-1])
        name_axes(ax, ("x", "y"), "m")
        ax.set_aspect("equal", adjustable="box")
    figure.suptitle("training windows, and the first 300 episodes", fontsize=10, color=INK)
    save_figure(figure, study.pages / "figures" / f"windows-{name}.png")


def _positions(tokens: jax.Array, run: Run) -> jax.Array:
    """Return the positions `[B, T, 2]` of tokens, in meters."""
    states = run.states.decode(run.model.layout.states(tokens)[..., -1, :])
    return jnp.asarray(states)[..., :2]


def _wall_painter(name: str) -> Callable[..., None]:
    """Return a function that draws the walls of a task's maze."""
    task = STUDY.task(name)
    env: Any = make_env(task.env, task.env_kwargs)
    walls: Any = np.asarray(env.unwrapped.maze_map)
    env.close()

    def paint(ax: Any, case: PlanCase | None = None) -> None:
        height, width = walls.shape
        edges = [np.arange(n + 1) * UNIT - 1.5 * UNIT for n in (width, height)]
        shown = np.ma.masked_equal(walls, 0)
        ax.pcolormesh(*edges, shown, cmap=ListedColormap([WALL]), zorder=0)
        ax.set_xlim(edges[0][0], edges[0][-1])
        ax.set_ylim(edges[1][0], edges[1][-1])

    return paint
