"""Figures drawn without a display and saved as PNG files."""

from pathlib import Path
from typing import Any

from dfplan.cli.common import console

DPI = 100


def new_figure(width: float, height: float) -> Any:
    """Return a white Matplotlib figure of that size in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure as a PNG file; creates the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, format="png")
    console.print(f"wrote {path}")
