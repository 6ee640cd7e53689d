"""Forecasts: samples of what follows, their mean, and what really followed."""

from pathlib import Path

import numpy as np

from dfplan.forecast.windows import ForecastWindows
from dfplan.plots.scene import axis_names, picture_dims, points
from dfplan.plots.style import CANDIDATE, DRIVEN, INK, PLAN, name_axes
from dfplan.representation.layout import Layout

SHOWN = 6
COLUMNS = 3
PANEL_INCHES = 3.2
DPI = 100


def draw_forecasts(
    path: Path | str, windows: ForecastWindows, samples: np.ndarray, layout: Layout
) -> None:
    """Write a PNG of six forecasts, evenly chosen.

    Args:
        path: of the picture; its folder is made.
        windows: what was observed, and what followed where that is known.
        samples: `[W, N, P, S]`.
        layout: names the dimensions to draw.
    """
    figure = forecast_figure(windows, samples, layout)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, format="png")


def forecast_figure(windows: ForecastWindows, samples: np.ndarray, layout: Layout):
    """The matplotlib Figure that `draw_forecasts` writes; same arguments."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chosen = np.unique(np.linspace(0, len(samples) - 1, SHOWN).astype(int))
    rows = -(-len(chosen) // COLUMNS)
    figure = Figure((COLUMNS * PANEL_INCHES, rows * PANEL_INCHES + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True, sharey=True)
    dims = picture_dims(layout.goal_dims, layout.state_dim)
    observed = np.asarray(windows.history.frames)[:, :, -1]
    for ax, w in zip(axes.flat, chosen, strict=False):
        _draw(
            ax, observed[w], samples[w], None if windows.future is None else windows.future[w], dims
        )
        ax.set_title(f"episode {windows.episode[w]}, step {windows.step[w]}", fontsize=9)
        name_axes(ax, axis_names(dims) if dims[1:] else ("token", axis_names(dims)[1]), "")
    for ax in axes.flat[len(chosen) :]:
        ax.remove()
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _draw(
    ax, observed: np.ndarray, samples: np.ndarray, future: np.ndarray | None, dims: tuple[int, ...]
) -> None:
    now = len(observed) - 1

    def way(after: np.ndarray) -> np.ndarray:
        return points(np.concatenate([observed, after]), dims).T[:, now:]

    for i, sample in enumerate(samples):
        ax.plot(*way(sample), color=CANDIDATE, linewidth=0.6, label="samples" if not i else None)
    ax.plot(*way(samples.mean(axis=0)), color=PLAN, label="mean of the samples")
    if future is not None:
        ax.plot(*way(future), color=DRIVEN, label="what followed")
    ax.plot(*points(observed, dims).T, "o", color=INK, markersize=4, label="observed")
    if dims[1:]:
        ax.set_aspect("equal", adjustable="box")
