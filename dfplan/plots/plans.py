"""Figure of plans: candidates, the chosen plan and the path driven, in one panel per case."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.plots.style import (
    CANDIDATE,
    DRIVEN,
    INK,
    PLAN,
    START_MARK,
    dot_size,
    goal_style,
    mark_ends,
    name_axes,
)
from dfplan.util import files

MAX_PANELS = 6
COLUMNS = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3}
PANEL_INCHES = {1: 6.4, 2: 5.0, 3: 4.0}
DPI = 100


@dataclasses.dataclass(frozen=True)
class PlanCase:
    """One plan, in the coordinates of the figure (see `scene.plot_points`).

    Attributes:
        candidates: Candidate plans `[N, P+1, 2]`, each starting at the present.
        best: Index of the chosen candidate.
        driven: Path driven, `[L, 2]`; may be empty.
        goal: Goal `[2]`, NaN where it fixes no coordinate, or None.
        title: Title of the panel.
        seed: Seed that `scene.draw_function` resets the environment with; None for no reset.
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
    """Write a PNG with one panel per case, 1200 pixels wide for three or more cases.

    Args:
        path: Output file; its directory is created.
        cases: 1 to 6 plans.
        draw: Function `draw(ax, case)` that draws the environment and sets the limits of the axes;
            None fits them to the data.
        unit: Unit of both axes, such as "m".
        names: Names of the axes.

    Raises:
        ValueError: If there are no cases or more than 6.
    """
    figure = plans_figure(cases, draw, unit=unit, names=names)
    with files.atomic_file(path) as new:
        figure.savefig(new, dpi=DPI, format="png")


def plans_figure(
    cases: Sequence[PlanCase],
    draw: Draw | None = None,
    *,
    unit: str = "",
    names: tuple[str, str] = ("x", "y"),
):
    """Return the matplotlib Figure that `draw_plans` writes; same arguments.

    Raises:
        ValueError: If there are no cases or more than 6.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if not 1 <= len(cases) <= MAX_PANELS:
        raise ValueError(f"a figure of plans has 1 to {MAX_PANELS} panels, got {len(cases)} plans")
    columns = COLUMNS[len(cases)]
    rows = -(-len(cases) // columns)
    figure = Figure(layout=ConstrainedLayoutEngine(h_pad=0.08), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for i, ax in enumerate(axes.flat):
        if i >= len(cases):
            ax.remove()
            continue
        _draw_case(ax, cases[i], draw)
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
    # Where the last row is not full, names of axes stand between the rows, too.
    between_rows = 0.2 if rows > 1 and len(cases) % columns else 0.0
    figure.set_size_inches(columns * width, rows * (max(heights) + 0.3) + between_rows + 0.6)
    return figure


def _draw_case(ax: Any, case: PlanCase, draw: Draw | None) -> None:
    candidates = np.asarray(case.candidates)
    driven = np.asarray(case.driven)
    if draw is not None:
        draw(ax, case)
    for i, candidate in enumerate(candidates):
        if i != case.best:
            ax.plot(*candidate.T, gid="candidate", zorder=2, **_candidate_style())
    plan = candidates[case.best]
    ax.plot(*plan.T, gid="plan", zorder=3, **_plan_style(dot_size(len(plan))))
    if len(driven):
        ax.plot(*driven.T, gid="driven", zorder=4, **_driven_style())
    mark_ends(ax, plan[0], case.goal)
    ax.set_title(case.title, fontsize=10, color=INK)


def _candidate_style() -> dict[str, Any]:
    return {"color": CANDIDATE, "linewidth": 1.2, "alpha": 0.7}


def _plan_style(size: float = 1.0) -> dict[str, Any]:
    return {"color": PLAN, "linewidth": 2.4, "marker": "o", "markersize": 5.5 * size**0.5}


def _driven_style() -> dict[str, Any]:
    from matplotlib.patheffects import Normal, Stroke

    halo = [Stroke(linewidth=3.6, foreground="white", alpha=0.8), Normal()]
    return {"color": DRIVEN, "linewidth": 1.9, "path_effects": halo}


def _aspect(ax: Any) -> float:
    """Return the height-to-width ratio of a panel; that of the data if both axes share a scale."""
    if ax.get_aspect() == "auto":
        return 0.8
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    return float(np.clip(abs((top - bottom) / (right - left)), 0.4, 1.6))


def _legend(figure: Any, cases: Sequence[PlanCase]) -> None:
    """Add one legend below all panels, with the entries that at least one panel shows."""
    from matplotlib.lines import Line2D

    styles = {"start": START_MARK}
    goals = [case.goal for case in cases if case.goal is not None]
    if goals:
        styles["goal"] = goal_style(goals[0])
    if any(len(case.candidates) > 1 for case in cases):
        styles["candidates"] = _candidate_style()
    styles["chosen plan"] = _plan_style()
    if any(len(case.driven) for case in cases):
        styles["path driven"] = _driven_style()
    handles = [Line2D([], [], label=name, **style) for name, style in styles.items()]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        fontsize=10,
        labelcolor=INK,
    )
