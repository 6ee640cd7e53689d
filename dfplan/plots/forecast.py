"""Figure of forecasts: sampled futures, their mean, and the actual future."""

from pathlib import Path
from typing import Any

import numpy as np

from dfplan.forecast.windows import ForecastWindows
from dfplan.plots.scene import axis_names, plot_dims, plot_points
from dfplan.plots.style import CANDIDATE, DRIVEN, INK, PLAN, name_axes
from dfplan.representation.layout import Layout
from dfplan.util import files

PANELS = 6
COLUMNS = 3
PANEL_INCHES = 3.2
DPI = 100


def draw_forecasts(
    path: Path | str, windows: ForecastWindows, samples: np.ndarray, layout: Layout
) -> None:
    """Write a PNG of up to six forecasts, evenly spaced over all windows.

    Args:
        path: Output file; its directory is created.
        windows: Observed states, and the actual future if it is known.
        samples: Sampled futures, `[W, N, P, S]`.
        layout: Layout of the states, which determines the dimensions to draw.
    """
    figure = forecast_figure(windows, samples, layout)
    with files.atomic_file(path) as new:
        figure.savefig(new, dpi=DPI, format="png")


def forecast_figure(windows: ForecastWindows, samples: np.ndarray, layout: Layout):
    """Return the matplotlib Figure that `draw_forecasts` writes; same arguments."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    selected = np.unique(np.linspace(0, len(samples) - 1, PANELS).astype(int))
    rows = -(-len(selected) // COLUMNS)
    figure = Figure((COLUMNS * PANEL_INCHES, rows * PANEL_INCHES + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True, sharey=True)
    dims = plot_dims(layout.goal_dims, layout.state_dim)
    names = axis_names(dims) if len(dims) == 2 else ("token", axis_names(dims)[1])
    observed = layout.to_global(np.asarray(windows.history.frames)[:, :, -1])
    for ax, w in zip(axes.flat, selected, strict=False):
        future = None if windows.future is None else layout.to_global(windows.future[w])
        futures = layout.to_global(samples[w])
        _draw_forecast(ax, observed[w], futures, future=future, dims=dims)
        ax.set_title(f"episode {windows.episode[w]}, step {windows.step[w]}", fontsize=9)
        name_axes(ax, names, "")
    for ax in axes.flat[len(selected) :]:
        ax.remove()
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _draw_forecast(
    ax: Any,
    observed: np.ndarray,
    samples: np.ndarray,
    future: np.ndarray | None,
    dims: tuple[int, ...],
) -> None:
    present = len(observed) - 1

    def path_from_present(states: np.ndarray) -> np.ndarray:
        return plot_points(np.concatenate([observed, states]), dims).T[:, present:]

    for i, sample in enumerate(samples):
        label = None if i else "samples"
        ax.plot(*path_from_present(sample), color=CANDIDATE, linewidth=0.6, label=label)
    ax.plot(*path_from_present(samples.mean(axis=0)), color=PLAN, label="sample mean")
    if future is not None:
        ax.plot(*path_from_present(future), color=DRIVEN, label="actual future")
    ax.plot(*plot_points(observed, dims).T, "o", color=INK, markersize=4, label="observed")
    if len(dims) == 2:
        ax.set_aspect("equal", adjustable="box")
