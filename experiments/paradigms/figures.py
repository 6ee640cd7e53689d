"""Figures: shares over the length of a rollout, and rollouts on the map."""

from typing import Any

import numpy as np

from dfplan.evaluation.bootstrap import mean_interval
from dfplan.plots.style import DRIVEN, INK, PLAN, START_MARK, name_axes
from dfplan_envs.pointmaze.draw import draw_maze
from experiments.common.figures import new_figure, save_figure
from experiments.paradigms.rollouts import source_maze
from experiments.paradigms.study import ROLLOUTS, Study
from experiments.paradigms.table import values_by_window

SHOWN = 3
"""Rollouts on the map, the first ones."""
COLORS = {
    "forcing": PLAN,
    "forcing-clean": "#56B4E9",
    "next-token": "#009E73",
    "regression": DRIVEN,
    "full": "#CC79A7",
    "bidirectional": "#999999",
}


def draw_figures(study: Study) -> None:
    """Draw the measured rollouts."""
    save_figure(draw_shares(study), study.pages / "shares.png")
    save_figure(draw_rollouts(study), study.pages / "rollouts.png")


def draw_shares(study: Study) -> Any:
    """Return a figure of the share of free states reached by valid moves, window by window."""
    figure = new_figure(6.4, 3.6)
    axes = figure.subplots()
    for name, rollout in ROLLOUTS.items():
        measured = values_by_window(study, name)
        if measured is None:
            continue
        windows = np.moveaxis(measured["both"], 2, 0)
        intervals = [mean_interval(100 * values) for values in windows]
        mean, low, high = (
            np.array([interval[key] for interval in intervals])
            for key in ("mean", "ci_low", "ci_high")
        )
        x = 1 + np.arange(len(mean))
        color = COLORS[name]
        axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
        axes.plot(x, mean, color=color, label=rollout.label.replace("*", ""))
    name_axes(axes, ("training windows", "free and valid, %"), "")
    axes.legend(fontsize=7, frameon=False, labelcolor=INK)
    return figure


def draw_rollouts(study: Study) -> Any:
    """Return a figure of the first rollouts of each kind, with the first training seed."""
    seed = study.seeds[0]
    names = [name for name in ROLLOUTS if study.states(name, seed).is_file()]
    figure = new_figure(2.6 * max(len(names), 1), 2.9)
    for ax, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        draw_maze(ax, source_maze(), goal=None, radius=0.0)
        rollouts = np.load(study.states(name, seed))["states"][:SHOWN]
        for states in rollouts:
            ax.plot(*states[:, :2].T, ".-", color=COLORS[name], linewidth=0.5, markersize=1.5)
            ax.plot(*states[0, :2], **{**START_MARK, "markersize": 5})
        ax.set_title(ROLLOUTS[name].label.replace("*", ""), fontsize=6, color=INK)
        ax.set_axis_off()
    return figure
