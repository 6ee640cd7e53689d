"""A dataset: histograms of every dimension, and some of its trajectories."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.profile.profile import Profile
from dfplan.data.profile.sample import Sample
from dfplan.plots.scene import axis_names, picture_dims, points
from dfplan.plots.style import CANDIDATE, DRIVEN, INK, PLAN, name_axes

MOST = 30
"""More histograms than this would be too small to read."""
COLUMNS = 5
PANEL_INCHES = 2.4
PATHS_INCHES = 5.0
BINS = 60
DPI = 100


def draw_dataset(path: Path | str, profile: Profile, sample: Sample) -> None:
    """Write a PNG of a dataset.

    Above, some trajectories, in the dimensions that a goal fixes (else the first two); below, the
    histogram of each dimension of states and actions, 30 at most.

    Args:
        path: of the picture; its folder is made.
        profile: of the dataset, with a layout.
        sample: of the dataset.
    """
    figure = dataset_figure(profile, sample)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, format="png")


def dataset_figure(profile: Profile, sample: Sample):
    """The matplotlib Figure that `draw_dataset` writes; same arguments."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [
        *zip(profile.state, sample.state.T, [PLAN] * len(profile.state), strict=True),
        *zip(profile.action, sample.action.T, [DRIVEN] * len(profile.action), strict=True),
    ]
    rows = -(-min(len(panels), MOST) // COLUMNS)
    size = COLUMNS * PANEL_INCHES, PATHS_INCHES + rows * PANEL_INCHES
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    heights = [PATHS_INCHES, rows * PANEL_INCHES]
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=heights))
    _paths(above.subplots(), profile, sample.paths)
    axes = below.subplots(rows, COLUMNS, squeeze=False).flat
    for ax, panel in zip(axes, [*panels[:MOST], *[None] * (rows * COLUMNS)], strict=False):
        if panel is None:
            ax.remove()
        else:
            _histogram(ax, panel[0].name, *panel[1:])
    if len(panels) > MOST:
        below.suptitle(f"the first {MOST} of {len(panels)} dimensions", fontsize=10, color=INK)
    return figure


def _paths(ax: Any, profile: Profile, paths: Sequence[np.ndarray]) -> None:
    assert profile.layout is not None
    dims = picture_dims(profile.layout.goal_dims, profile.layout.state_dim)
    for states in paths:
        drawn = points(states, dims)
        ax.plot(*drawn.T, gid="path", color=CANDIDATE, linewidth=1.0, alpha=0.8, zorder=2)
        ax.plot(*drawn[0], gid="start", color=INK, marker="o", markersize=4, zorder=3)
    names = axis_names(dims)
    if len(dims) == 2:
        names = profile.state[dims[0]].name, profile.state[dims[1]].name
        ax.set_aspect("equal", adjustable="datalim")
    name_axes(ax, names, "")
    title = f"{profile.dataset_id}: {len(paths)} of {len(profile.length):,} episodes, starts dotted"
    ax.set_title(title, fontsize=10, color=INK)


def _histogram(ax: Any, name: str, values: np.ndarray, color: str) -> None:
    ax.hist(values[np.isfinite(values)], bins=BINS, color=color, gid=name)
    ax.set_yticks([])
    name_axes(ax, ("", ""), "")
    ax.set_title(name, fontsize=9, color=INK)
