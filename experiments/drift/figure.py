"""The figure: every measure, window after window."""

from typing import Any

import numpy as np

from dfplan.plots.style import DRIVEN, INK, PLAN, name_axes
from experiments.common import records
from experiments.common.figures import new_figure, save_figure
from experiments.drift.rollouts import DATA
from experiments.drift.study import LEVEL, ROBOTS, ROLLOUTS, Study
from experiments.drift.table import TABLE

STEPS = (5, 2)
"""Denoising steps of each row of panels; regression, which has one step, is drawn in every row."""
STYLES = {
    f"forcing-{LEVEL}": {"color": PLAN},
    "forcing-0": {"color": "#56B4E9"},
    "next-token": {"color": "#009E73"},
    "full": {"color": "#CC79A7"},
    "regression": {"color": DRIVEN},
    DATA: {"color": INK, "linewidth": 1.0, "linestyle": "--"},
}
"""Style of each kind of rollout."""
PANELS = {
    "plausible": (100, "plausible moves, %"),
    "error": (1, "error of a step, std"),
    "distance": (1, "distance to the data"),
    "fallen": (100, "fallen, %"),
}
"""Factor and title of each measure."""


def draw_figure(study: Study) -> None:
    """Draw the rollouts of table.json."""
    tables = records.read(study.pages / TABLE) or {}
    rows = [(robot, steps) for robot in ROBOTS for steps in STEPS]
    figure = new_figure(14, 2.7 * len(rows))
    panels = figure.subplots(len(rows), len(PANELS), sharex=True, squeeze=False)
    for (robot, steps), row in zip(rows, panels, strict=True):
        gathered = tables.get(robot, {})
        for (measure, (factor, title)), axes in zip(PANELS.items(), row, strict=True):
            for kind in STYLES:
                name = _row_name(kind, steps)
                if name in gathered:
                    _draw_curve(
                        axes, kind, gathered[name][measure], label=_label(name), factor=factor
                    )
            name_axes(axes, ("training windows", title), "")
            axes.set_title(f"{robot}, {steps} denoising steps", fontsize=9, color=INK)
    _add_legend(figure, panels[0, 0])
    save_figure(figure, study.pages / "drift.png")


def _row_name(kind: str, steps: int) -> str:
    if kind == DATA:
        return DATA
    return f"{kind}-{1 if kind == 'regression' else steps}"


def _label(name: str) -> str:
    return "held-out data" if name == DATA else ROLLOUTS[name].label


def _draw_curve(
    axes: Any, kind: str, intervals: list[dict[str, float]], *, label: str, factor: float
) -> None:
    low, mean, high = (
        factor * np.array([interval[key] for interval in intervals])
        for key in ("ci_low", "mean", "ci_high")
    )
    x = 1 + np.arange(len(mean))
    axes.fill_between(x, low, high, color=STYLES[kind]["color"], alpha=0.15, linewidth=0)
    axes.plot(x, mean, label=label, **STYLES[kind])


def _add_legend(figure: Any, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=3, frameon=False, labelcolor=INK
    )
