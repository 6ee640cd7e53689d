"""Figures: plans and driven paths, and scores over what is ablated."""

from pathlib import Path
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.common import console
from dfplan.data.make_env import make_env
from dfplan.evaluate import Episodes
from dfplan.plots.plans import PlanCase, draw_plans
from dfplan.plots.scene import drawer
from dfplan.plots.style import CANDIDATE, DRIVEN, INK, PLAN, name_axes
from experiments.maze2d.ablation_pages import gather_ablation, score
from experiments.maze2d.ablations import ABLATIONS, Ablation
from experiments.maze2d.evaluate import Trained, drive
from experiments.maze2d.study import TITLES, Study, task

CASES = 6
DPI = 100
LINES = {"bound": ("hard bound", INK, "--"), "controller": ("the data's controller", DRIVEN, ":")}


def draw_figures(study: Study) -> None:
    """Draw what there is to draw: plans of each maze, and a curve of each ablation with an axis."""
    folder = study.pages / "figures"
    for maze in study.mazes:
        draw_maze(folder / f"plans-{maze}.png", study, maze)
    for ablation in ABLATIONS.values():
        found = gather_ablation(study, ablation) if ablation.axis else {}
        if found:
            draw_curves(folder / f"{ablation.name}.png", ablation, found)


def draw_maze(path: Path, study: Study, maze: str) -> None:
    """Draw the first plans and the driven paths of the first episodes, chosen by nothing else."""
    agent, where = Trained.load(study.shown(maze)).agent(), task(maze)
    episodes = drive(agent, where, study.evaluation[:CASES])
    cases = [_case(agent, episodes, e) for e in range(len(episodes.seeds))]
    env = make_env(where.env, where.env_kwargs)
    draw_plans(path, cases, drawer(env), unit="m")
    env.close()
    console.print(f"wrote {path}")


def _case(agent: Agent, episodes: Episodes, e: int) -> PlanCase:
    assert episodes.goals is not None and episodes.success is not None
    agent.reset(seed=[int(episodes.seeds[e])])
    agent.plan_from(episodes.states[e, 0], episodes.goals[e])
    plan = agent.plan
    assert plan is not None
    reached = episodes.success[e]
    title = f"at the goal after {reached.argmax()} steps" if reached.any() else "not reached"
    return PlanCase(
        np.asarray(plan.candidates)[0, ..., :2],
        int(plan.best[0]),
        episodes.states[e, :, :2],
        episodes.goals[e],
        f"seed {episodes.seeds[e]}: {title}",
        int(episodes.seeds[e]),
    )


def draw_curves(path: Path, ablation: Ablation, found: dict[str, dict[str, Any]]) -> None:
    """Draw the normalised score over what is ablated, a panel for each maze.

    Args:
        path: of the PNG; its folder is made.
        ablation: one with an axis.
        found: measurements by maze and label, the references' among them.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(found), 3.2), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(found), squeeze=False)[0]
    for ax, (maze, measured) in zip(axes, found.items(), strict=True):
        _curve(ax, ablation, measured)
        ax.set_title(TITLES[maze], fontsize=10, color=INK)
    name_axes(axes[0], (ablation.axis, "normalised score"), "")
    axes[-1].legend(fontsize=8, frameon=False, labelcolor=INK)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, format="png")
    console.print(f"wrote {path}")


def _curve(ax: Any, ablation: Ablation, measured: dict[str, Any]) -> None:
    labels = [v.label for v in ablation.variants if v.label in measured]
    scores = [score(measured[label]) or {} for label in labels]
    mean, low, high = (np.array([s[k] for s in scores]) for k in ("mean", "ci_low", "ci_high"))
    x = np.array([float(label) for label in labels])
    ax.fill_between(x, low, high, color=CANDIDATE, alpha=0.3, linewidth=0, label="95 % interval")
    ax.plot(x, mean, color=PLAN, marker="o", label="dfplan")
    for name, (label, color, style) in LINES.items():
        if name in measured:
            level = (score(measured[name]) or {})["mean"]
            ax.axhline(level, color=color, linestyle=style, linewidth=1.2, label=label)
    ax.set_xscale("log")
    ax.set_xticks(x, [f"{value:g}" for value in x], minor=False)
    ax.minorticks_off()
    name_axes(ax, (ablation.axis, ""), "")
