"""Figures: plans and driven paths, and scores over the ablated settings."""

from pathlib import Path
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.common import console
from dfplan.evaluation.episodes import Episodes
from dfplan.plots.plans import PlanCase, draw_plans
from dfplan.plots.scene import draw_function
from dfplan.plots.style import CANDIDATE, DRIVEN, INK, PLAN, name_axes
from dfplan.tasks.make_env import make_env
from experiments.common.episodes import play_episodes
from experiments.common.figures import new_figure, save_figure
from experiments.common.trained import Trained
from experiments.maze2d.ablations import ABLATIONS, Ablation
from experiments.maze2d.pages.ablation_tables import gather_ablation, score
from experiments.maze2d.study import TITLES, Study, maze_task

CASES = 6
LINES = {"bound": ("hard bound", INK, "--"), "controller": ("the data's controller", DRIVEN, ":")}


def draw_figures(study: Study) -> None:
    """Draw the plans of each maze, and a curve of each measured ablation with an axis."""
    folder = study.pages / "figures"
    for maze in study.mazes:
        draw_maze(folder / f"plans-{maze}.png", study, maze)
    for ablation in ABLATIONS.values():
        records_by_maze = gather_ablation(study, ablation) if ablation.axis else {}
        if records_by_maze:
            draw_curves(folder / f"{ablation.name}.png", ablation, records_by_maze)


def draw_maze(path: Path, study: Study, maze: str) -> None:
    """Draw the first plans and the driven paths of the first episodes, without selection."""
    agent = Trained.load(study.shown(maze)).agent()
    task = maze_task(maze)
    episodes = play_episodes(agent, task, study.evaluation[:CASES])
    cases = [_case(agent, episodes, index) for index in range(len(episodes.seeds))]
    env = make_env(task.env, task.env_kwargs)
    draw_plans(path, cases, draw_function(env), unit="m")
    env.close()
    console.print(f"wrote {path}")


def _case(agent: Agent, episodes: Episodes, index: int) -> PlanCase:
    assert episodes.goals is not None and episodes.success is not None
    seed = int(episodes.seeds[index])
    agent.reset(seed=[seed])
    agent.plan_from(episodes.states[index, 0], episodes.goals[index])
    plan = agent.plan
    assert plan is not None
    reached = episodes.success[index]
    title = f"at the goal after {reached.argmax()} steps" if reached.any() else "not reached"
    return PlanCase(
        candidates=np.asarray(plan.candidates)[0, ..., :2],
        best=int(plan.best[0]),
        driven=episodes.states[index, :, :2],
        goal=episodes.goals[index],
        title=f"seed {seed}: {title}",
        seed=seed,
    )


def draw_curves(path: Path, ablation: Ablation, records_by_maze: dict[str, dict[str, Any]]) -> None:
    """Draw the normalized score over the ablated setting, one panel per maze.

    Args:
        path: Output PNG file.
        ablation: Ablation with an axis.
        records_by_maze: Records by maze and label, references included.
    """
    figure = new_figure(4 * len(records_by_maze), 3.2)
    axes = figure.subplots(1, len(records_by_maze), squeeze=False)[0]
    for ax, (maze, record_by_label) in zip(axes, records_by_maze.items(), strict=True):
        _draw_curve(ax, ablation, record_by_label)
        ax.set_title(TITLES[maze], fontsize=10, color=INK)
    name_axes(axes[0], (ablation.axis, "normalized score"), "")
    axes[-1].legend(fontsize=8, frameon=False, labelcolor=INK)
    save_figure(figure, path)


def _draw_curve(ax: Any, ablation: Ablation, record_by_label: dict[str, Any]) -> None:
    labels = [v.label for v in ablation.variants if v.label in record_by_label]
    scores = [score(record_by_label[label]) or {} for label in labels]
    mean, low, high = (np.array([s[k] for s in scores]) for k in ("mean", "ci_low", "ci_high"))
    x = np.array([float(label) for label in labels])
    ax.fill_between(x, low, high, color=CANDIDATE, alpha=0.3, linewidth=0, label="95 % interval")
    ax.plot(x, mean, color=PLAN, marker="o", label="dfplan")
    for name, (label, color, style) in LINES.items():
        if name in record_by_label:
            level = (score(record_by_label[name]) or {})["mean"]
            ax.axhline(level, color=color, linestyle=style, linewidth=1.2, label=label)
    ax.set_xscale("log")
    ax.set_xticks(x, [f"{value:g}" for value in x], minor=False)
    ax.minorticks_off()
    name_axes(ax, (ablation.axis, ""), "")
