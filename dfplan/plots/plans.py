"""Plans: candidates, the chosen one and what was driven, a panel for each case."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.plots.style import (
    CANDIDATE,
    DRIVEN,
    GOAL_MARK,
    INK,
    PLAN,
    START_MARK,
    dot_size,
    mark_ends,
    name_axes,
)

MOST = 6
COLUMNS = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3}
PANEL_INCHES = {1: 6.4, 2: 5.0, 3: 4.0}
DPI = 100


@dataclasses.dataclass(frozen=True)
class PlanCase:
    """One plan, in the coordinates of the picture (`scene.points` makes them of states).

    Attributes:
        candidates: `[N, P+1, 2]`, the present first.
        best: index of the chosen one.
        driven: `[L, 2]` what was driven; may be empty.
        goal: `[2]` or None.
        title: of the panel.
        seed: of the environment's reset, for `scene.drawer`; None where it does not matter.
    """

    candidates: np.ndarray
    best: int
    driven: np.ndarray
    goal: np.ndarray | None = None
    title: str = ""
    seed: int | None = None


Draw = Callable[[Any, PlanCase], None]


def draw_plans(
    path: Path | str,
    cases: Sequence[PlanCase],
    draw: Draw | None = None,
    *,
    unit: str = "",
    names: tuple[str, str] = ("x", "y"),
) -> None:
    """Write a PNG with a panel for each case, 1200 pixels wide where there are three or more.

    Args:
        path: of the picture; its folder is made.
        cases: 1 to 6.
        draw: `draw(ax, case)` draws the environment and sets the limits; None fits the data.
        unit: of both axes, such as "m".
        names: of the axes.

    Raises:
        ValueError: when there are no cases or more than 6.
    """
    figure = plans_figure(cases, draw, unit=unit, names=names)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, format="png")


def plans_figure(
    cases: Sequence[PlanCase],
    draw: Draw | None = None,
    *,
    unit: str = "",
    names: tuple[str, str] = ("x", "y"),
):
    """The matplotlib Figure that `draw_plans` writes; same arguments.

    Raises:
        ValueError: when there are no cases or more than 6.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if not 1 <= len(cases) <= MOST:
        raise ValueError(f"a picture holds 1 to {MOST} plans, got {len(cases)}")
    columns = COLUMNS[len(cases)]
    rows = -(-len(cases) // columns)
    figure = Figure(layout=ConstrainedLayoutEngine(h_pad=0.08), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for i, ax in enumerate(axes.flat):
        if i >= len(cases):
            ax.remove()
            continue
        _panel(ax, cases[i], draw)
        name_axes(ax, names, unit)
        if unit:
            ax.set_aspect("equal", adjustable="box")
        if i % columns and draw is not None:
            ax.set_ylabel("")
        if i + columns < len(cases) and draw is not None:
            ax.set_xlabel("")
    _legend(figure, cases)
    width = PANEL_INCHES[columns]
    heights = [width * _aspect(ax) for ax in figure.axes]
    figure.set_size_inches(columns * width, rows * (max(heights) + 0.3) + 0.4)
    return figure


def _panel(ax: Any, case: PlanCase, draw: Draw | None) -> None:
    candidates, driven = np.asarray(case.candidates), np.asarray(case.driven)
    if draw is not None:
        draw(ax, case)
    for i, candidate in enumerate(candidates):
        if i != case.best:
            ax.plot(*candidate.T, gid="candidate", zorder=2, **_candidate())
    plan = candidates[case.best]
    ax.plot(*plan.T, gid="plan", zorder=3, **_plan(dot_size(len(plan))))
    if len(driven):
        ax.plot(*driven.T, gid="driven", zorder=4, **_driven())
    mark_ends(ax, candidates[case.best, 0], case.goal)
    ax.set_title(case.title, fontsize=10, color=INK)


def _candidate() -> dict[str, Any]:
    return {"color": CANDIDATE, "linewidth": 1.2, "alpha": 0.7}


def _plan(size: float = 1.0) -> dict[str, Any]:
    return {"color": PLAN, "linewidth": 2.4, "marker": "o", "markersize": 5.5 * size**0.5}


def _driven() -> dict[str, Any]:
    from matplotlib.patheffects import Normal, Stroke

    halo = [Stroke(linewidth=3.6, foreground="white", alpha=0.8), Normal()]
    return {"color": DRIVEN, "linewidth": 1.9, "path_effects": halo}


def _aspect(ax: Any) -> float:
    """Height over width of a panel: the data's where both axes have one scale."""
    if ax.get_aspect() == "auto":
        return 0.8
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    return float(np.clip(abs((top - bottom) / (right - left)), 0.4, 1.6))


def _legend(figure: Any, cases: Sequence[PlanCase]) -> None:
    """One legend below all panels, of what at least one of them shows."""
    from matplotlib.lines import Line2D

    shown = {
        "start": (START_MARK, True),
        "goal": (GOAL_MARK, any(c.goal is not None for c in cases)),
        "candidates": (_candidate(), any(len(c.candidates) > 1 for c in cases)),
        "chosen plan": (_plan(), True),
        "driven": (_driven(), any(len(c.driven) for c in cases)),
    }
    handles = [Line2D([], [], label=name, **mark) for name, (mark, is_in) in shown.items() if is_in]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        fontsize=10,
        labelcolor=INK,
    )
