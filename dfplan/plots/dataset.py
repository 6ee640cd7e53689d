"""Figure of a dataset: some of its trajectories, and a histogram of every dimension."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.profile.profile import Profile
from dfplan.data.profile.sample import Sample
from dfplan.plots.scene import axis_names, plot_dims, plot_points
from dfplan.plots.style import CANDIDATE, DRIVEN, INK, PLAN, name_axes
from dfplan.util import files

MAX_HISTOGRAMS = 30
"""Any more would be too small to read."""
COLUMNS = 5
PANEL_INCHES = 2.4
PATHS_INCHES = 5.0
BINS = 60
DPI = 100


def draw_dataset(path: Path | str, profile: Profile, sample: Sample) -> None:
    """Write a PNG of a dataset.

    The upper part shows some trajectories, in the goal's first two dimensions (without a goal, in
    the state's); the lower part shows a histogram of each state and action dimension, at most 30.

    Args:
        path: Output file; its directory is created.
        profile: Profile of the dataset, with a layout.
        sample: Sample of the dataset.
    """
    figure = dataset_figure(profile, sample)
    with files.atomic_file(path) as new:
        figure.savefig(new, dpi=DPI, format="png")


def dataset_figure(profile: Profile, sample: Sample):
    """Return the matplotlib Figure that `draw_dataset` writes; same arguments."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [
        *zip(profile.state, sample.state.T, [PLAN] * len(profile.state), strict=True),
        *zip(profile.action, sample.action.T, [DRIVEN] * len(profile.action), strict=True),
    ]
    rows = -(-min(len(panels), MAX_HISTOGRAMS) // COLUMNS)
    size = (COLUMNS * PANEL_INCHES, PATHS_INCHES + rows * PANEL_INCHES)
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    heights = [PATHS_INCHES, rows * PANEL_INCHES]
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=heights))
    _draw_paths(upper.subplots(), profile, sample.paths)
    axes = lower.subplots(rows, COLUMNS, squeeze=False).flat
    shown = panels[:MAX_HISTOGRAMS]
    for ax, (dimension, values, color) in zip(axes, shown, strict=False):
        _draw_histogram(ax, dimension.name, values, color=color)
    for ax in list(lower.axes)[len(shown) :]:
        ax.remove()
    if len(panels) > MAX_HISTOGRAMS:
        title = f"the first {MAX_HISTOGRAMS} of {len(panels)} dimensions"
        lower.suptitle(title, fontsize=10, color=INK)
    return figure


def _draw_paths(ax: Any, profile: Profile, paths: Sequence[np.ndarray]) -> None:
    assert profile.layout is not None
    dims = plot_dims(profile.layout.goal_dims, profile.layout.state_dim)
    for states in paths:
        points = plot_points(states, dims)
        ax.plot(*points.T, gid="path", color=CANDIDATE, linewidth=1.0, alpha=0.8, zorder=2)
        ax.plot(*points[0], gid="start", color=INK, marker="o", markersize=4, zorder=3)
    names = axis_names(dims)
    if len(dims) == 2:
        names = (profile.state[dims[0]].name, profile.state[dims[1]].name)
        ax.set_aspect("equal", adjustable="datalim")
    name_axes(ax, names, "")
    episodes = f"{len(paths)} of {len(profile.length):,} episodes"
    title = f"{profile.dataset_id}: {episodes} (dots: starts)"
    ax.set_title(title, fontsize=10, color=INK)


def _draw_histogram(ax: Any, name: str, values: np.ndarray, color: str) -> None:
    ax.hist(values[np.isfinite(values)], bins=BINS, color=color, gid=name)
    ax.set_yticks([])
    name_axes(ax, ("", ""), "")
    ax.set_title(name, fontsize=9, color=INK, parse_math=False)
