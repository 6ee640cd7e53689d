"""The figure: every measure, window after window."""

from typing import Any

import numpy as np

from dfplan.plots.style import DRIVEN, INK, PLAN, name_axes
from experiments.common.figures import new_figure, save_figure
from experiments.drift.rollouts import DATA
from experiments.drift.study import ROBOTS, ROLLOUTS, Study
from experiments.drift.table import gather

STYLES = {
    "forcing-0": {"color": "#56B4E9"},
    "forcing-0.02": {"color": PLAN},
    "forcing-0.05": {"color": PLAN, "linestyle": "--"},
    "forcing-0.1": {"color": PLAN, "linestyle": ":"},
    "next-token": {"color": "#009E73"},
    "regression": {"color": DRIVEN},
    "full": {"color": "#CC79A7"},
    DATA: {"color": INK, "linewidth": 1.0, "linestyle": "--"},
}
PANELS = {
    "plausible": (100, "plausible moves, %"),
    "error": (1, "error of a step, std"),
    "distance": (1, "energy distance to the data"),
    "fallen": (100, "fallen, %"),
}
"""Factor and title of each measure."""


def draw_figure(study: Study) -> None:
    """Draw the measured rollouts."""
    figure = new_figure(14, 3.2 * len(ROBOTS))
    panels = figure.subplots(len(ROBOTS), len(PANELS), sharex=True)
    for robot, row in zip(ROBOTS, panels, strict=True):
        gathered = gather(study, robot)
        for (measure, (factor, title)), axes in zip(PANELS.items(), row, strict=True):
            for name, measured in gathered.items():
                _draw_curve(axes, name, measured[measure], factor)
            name_axes(axes, ("training windows", title), robot)
    _add_legend(figure, panels[0, 0])
    save_figure(figure, study.pages / "drift.png")


def _draw_curve(axes: Any, name: str, intervals: list[dict[str, float]], factor: float) -> None:
    low, mean, high = (
        factor * np.array([interval[key] for interval in intervals])
        for key in ("ci_low", "mean", "ci_high")
    )
    x = 1 + np.arange(len(mean))
    label = "held-out data" if name == DATA else ROLLOUTS[name].label
    axes.fill_between(x, low, high, color=STYLES[name]["color"], alpha=0.15, linewidth=0)
    axes.plot(x, mean, label=label, **STYLES[name])


def _add_legend(figure: Any, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=4,
        fontsize=8,
        frameon=False,
        labelcolor=INK,
    )
