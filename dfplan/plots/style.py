"""Colors and markers shared by all figures; Okabe and Ito's colorblind-safe palette."""

from typing import Any

import numpy as np

PLAN = "#0072B2"
CANDIDATE = "#56B4E9"
DRIVEN = "#D55E00"
GOAL = "#F0E442"
INK = "#222222"
LEVELS = (PLAN, "#9A7FC1", "#F9D5E3")
"""Colors of noise levels 0 (clean), 0.5 and 1 (pure noise), of increasing lightness."""

START_MARK = {
    "marker": "o",
    "markersize": 9,
    "color": "white",
    "markeredgecolor": INK,
    "markeredgewidth": 1.6,
    "linestyle": "none",
}
GOAL_MARK = {
    "marker": "*",
    "markersize": 17,
    "color": GOAL,
    "markeredgecolor": INK,
    "markeredgewidth": 1.1,
    "linestyle": "none",
}
GOAL_LINE = {"color": GOAL, "linewidth": 4}
"""Style of a goal that fixes one of the two coordinates."""


def goal_style(goal: np.ndarray) -> dict[str, Any]:
    """Return the style of a goal `[2]`: a line if one of its coordinates is NaN, else a star."""
    return GOAL_LINE if np.isnan(goal).any() else GOAL_MARK


def mark_ends(ax: Any, start: np.ndarray, goal: np.ndarray | None) -> list[Any]:
    """Mark the start `[2]` and, if given, the goal `[2]`; return the matplotlib artists.

    A coordinate of the goal that is NaN is not fixed; the other one is marked by a line.
    """
    markers = ax.plot(*start, gid="start", zorder=6, **START_MARK)
    if goal is None:
        return markers
    style = goal_style(goal)
    if np.isnan(goal[1]):
        return [ax.axvline(goal[0], gid="goal", zorder=1, **style), *markers]
    if np.isnan(goal[0]):
        return [ax.axhline(goal[1], gid="goal", zorder=1, **style), *markers]
    return ax.plot(*goal, gid="goal", zorder=5, **style) + markers


def level_colors():
    """Return the matplotlib colormap of noise levels."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("level", LEVELS)


def name_axes(ax: Any, names: tuple[str, str], unit: str) -> None:
    """Label both axes in small type, with the unit unless it is empty."""
    x, y = (f"{name} ({unit})" if name and unit else name for name in names)
    ax.set_xlabel(x, fontsize=9, color=INK, parse_math=False)
    ax.set_ylabel(y, fontsize=9, color=INK, parse_math=False)
    ax.tick_params(labelsize=8, color="#999999", labelcolor="#555555")
    for spine in ax.spines.values():
        spine.set_color("#bbbbbb")


def dot_size(tokens: int) -> float:
    """Return the relative area of a token's dot: 1 for up to 20 tokens, less for more of them."""
    return min(1.0, (20 / tokens) ** 0.5)
