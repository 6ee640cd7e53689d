"""Figures: shares over the length of a rollout, and rollouts on the map."""

from pathlib import Path
from typing import Any

import numpy as np

from dfplan.cli.common import console
from dfplan.plots.style import DRIVEN, INK, PLAN, START_MARK, name_axes
from dfplan_envs.pointmaze.draw import draw_maze
from experiments.maze2d.bootstrap import mean_interval
from experiments.paradigms.rollouts import maze
from experiments.paradigms.study import ROLLOUTS, Study
from experiments.paradigms.table import curves

SHOWN = 3
"""Rollouts on the map, the first ones."""
DPI = 100
COLORS = {"forcing": PLAN, "forcing-clean": "#56B4E9", "next-token": "#009E73",
          "regression": DRIVEN, "full": "#CC79A7", "bidirectional": "#999999"}  # fmt: skip


def draw_figures(study: Study) -> None:
    """Draw what is measured."""
    _save(shares(study), study.pages / "shares.png")
    _save(ways(study), study.pages / "rollouts.png")


def shares(study: Study) -> Any:
    """A figure: states that are free and reached by a valid move, window after window."""
    figure = _figure(6.4, 3.6)
    axes = figure.subplots()
    for name, rollout in ROLLOUTS.items():
        measured = curves(study, name)
        if measured is None:
            continue
        by_window = np.moveaxis(measured["both"], 2, 0)
        found = [mean_interval(100 * values) for values in by_window]
        mean, low, high = (np.array([f[k] for f in found]) for k in ("mean", "ci_low", "ci_high"))
        window, color = 1 + np.arange(len(mean)), COLORS[name]
        axes.fill_between(window, low, high, color=color, alpha=0.2, linewidth=0)
        axes.plot(window, mean, color=color, label=rollout.label.replace("*", ""))
    name_axes(axes, ("windows of the training's length", "free and valid, %"), "")
    axes.legend(fontsize=7, frameon=False, labelcolor=INK)
    return figure


def ways(study: Study) -> Any:
    """A figure: the first rollouts of each way of going on, with the first training seed."""
    there = [name for name in ROLLOUTS if study.states(name, study.seeds[0]).is_file()]
    figure = _figure(2.6 * max(len(there), 1), 2.9)
    for ax, name in zip(np.atleast_1d(figure.subplots(1, len(there))), there, strict=True):
        draw_maze(ax, maze(), None, 0.0)
        states = np.load(study.states(name, study.seeds[0]))["states"][:SHOWN]
        for way in states:
            ax.plot(*way[:, :2].T, ".-", color=COLORS[name], linewidth=0.5, markersize=1.5)
            ax.plot(*way[0, :2], **{**START_MARK, "markersize": 5})
        ax.set_title(ROLLOUTS[name].label.replace("*", ""), fontsize=6, color=INK)
        ax.set_axis_off()
    return figure


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, format="png")
    console.print(f"wrote {path}")
