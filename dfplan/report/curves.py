"""Curves: a run's metrics over training steps, as SVG that takes the colour of the page's text."""

import io
from collections.abc import Mapping

import numpy as np

from dfplan.plots.style import CANDIDATE, PLAN

MOST = 300
"""Points of a curve; where there are more, each is the mean of several, over their range."""
COLUMNS = 2
PANEL_INCHES = (4.6, 2.5)
TEXT = "#010203"
"""Stands for the page's colour of text; not black, which other things may be."""
BARE = {"Creator": None, "Date": None, "Format": None, "Type": None}


def draw_curves(metrics: Mapping[str, np.ndarray]) -> str:
    """An `<svg>` element with a panel for each metric, without references to anything outside.

    Args:
        metrics: `[N, 2]` steps and values, by name; losses are drawn on a logarithmic axis.
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
    first = sorted(metrics, key=lambda name: name != "loss")
    for ax, name in zip(axes.flat, first, strict=False):
        _panel(ax, name, metrics[name])
    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dfplan"}):
        figure.savefig(file, format="svg", transparent=True, metadata=BARE)
    svg = file.getvalue()
    return svg[svg.index("<svg") :].replace(TEXT, "currentColor")


def _panel(ax, name: str, curve: np.ndarray) -> None:
    steps, low, mean, high = thin(curve).T
    if name.endswith("loss") and (mean > 0).all():
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(_between_powers())
        low = np.where(low > 0, low, mean)
    ax.fill_between(steps, low, high, color=CANDIDATE, alpha=0.3, linewidth=0)
    ax.plot(steps, mean, color=PLAN, linewidth=1.5, gid=name)
    ax.set_title(name.replace("_", " "), fontsize=10, color=TEXT)
    ax.set_xlabel("step", fontsize=8, color=TEXT)
    ax.tick_params(which="both", labelsize=8, color=TEXT, labelcolor=TEXT)
    ax.grid(color=TEXT, alpha=0.12, linewidth=0.8)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(TEXT)


def _between_powers():
    """Labels of a logarithmic axis where LogFormatter has some, 0.6 and not its 6e-01."""
    from matplotlib.ticker import LogFormatter

    class Plain(LogFormatter):
        def __call__(self, x, pos=None):
            return f"{x:g}" if super().__call__(x, pos) else ""

    return Plain(minor_thresholds=(2, 0.5))


def thin(curve: np.ndarray) -> np.ndarray:
    """At most `MOST` points `[M, 4]` of a curve `[N, 2]`: last step, least, mean, greatest value.

    Values that are not finite are left out.
    """
    curve = curve[np.isfinite(curve).all(axis=1)]
    if not len(curve):
        return np.empty((0, 4))
    parts = np.array_split(curve, min(len(curve), MOST))
    return np.array([(p[-1, 0], p[:, 1].min(), p[:, 1].mean(), p[:, 1].max()) for p in parts])
