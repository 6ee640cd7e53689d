"""Curves of a run's metrics over training steps, as SVG in the text color of the report."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from dfplan.plots.style import CANDIDATE, PLAN
from dfplan.util.printable import printable

MAX_POINTS = 300
"""Maximum number of points of a curve; beyond it, neighbors are merged into mean and range."""
COLUMNS = 2
PANEL_INCHES = (4.6, 2.5)
TEXT = "#010203"
"""Placeholder for the report's text color; not black, which other elements may have."""
NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


def draw_curves(metrics: Mapping[str, np.ndarray]) -> str:
    """Return an `<svg>` element with one panel per metric and no external references.

    Args:
        metrics: Steps and values `[N, 2]` by metric; losses are drawn on a logarithmic axis.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = -(-len(metrics) // COLUMNS)
    size = (COLUMNS * PANEL_INCHES[0], rows * PANEL_INCHES[1])
    figure = Figure(size, layout=ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.08))
    FigureCanvasSVG(figure)
    axes = figure.subplots(rows, COLUMNS, squeeze=False)
    for ax in axes.flat[len(metrics) :]:
        ax.remove()
    loss_first = sorted(metrics, key=lambda name: name != "loss")
    for ax, name in zip(axes.flat, loss_first, strict=False):
        _draw_curve(ax, name, metrics[name])
    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dfplan"}):
        figure.savefig(file, format="svg", transparent=True, metadata=NO_METADATA)
    svg = file.getvalue()
    return svg[svg.index("<svg") :].replace(TEXT, "currentColor")


def _draw_curve(ax: Any, name: str, curve: np.ndarray) -> None:
    steps, low, mean, high = thin(curve).T
    if name.endswith("loss") and (mean > 0).all():
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(_minor_formatter())
        low = np.where(low > 0, low, mean)
    ax.fill_between(steps, low, high, color=CANDIDATE, alpha=0.3, linewidth=0)
    ax.plot(steps, mean, color=PLAN, linewidth=1.5, gid=printable(name))
    title = printable(name.replace("_", " "), keep="")
    ax.set_title(title, fontsize=10, color=TEXT, parse_math=False)
    ax.set_xlabel("step", fontsize=8, color=TEXT)
    ax.tick_params(which="both", labelsize=8, color=TEXT, labelcolor=TEXT)
    ax.grid(color=TEXT, alpha=0.12, linewidth=0.8)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(TEXT)


def _minor_formatter():
    """Return matplotlib's LogFormatter with plain numbers: 0.6 instead of 6e-01."""
    from matplotlib.ticker import LogFormatter

    class PlainLogFormatter(LogFormatter):
        def __call__(self, x, pos=None):
            return f"{x:g}" if super().__call__(x, pos) else ""

    return PlainLogFormatter(minor_thresholds=(2, 0.5))


def thin(curve: np.ndarray) -> np.ndarray:
    """Merge neighboring points of a curve `[N, 2]` until there are at most 300.

    Values that are not finite are left out.

    Returns:
        Last step, minimum, mean and maximum value of each point, `[M, 4]`.
    """
    curve = curve[np.isfinite(curve).all(axis=1)]
    if not len(curve):
        return np.empty((0, 4))
    groups = np.array_split(curve, min(len(curve), MAX_POINTS))
    return np.array([(g[-1, 0], g[:, 1].min(), g[:, 1].mean(), g[:, 1].max()) for g in groups])
