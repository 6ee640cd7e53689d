"""The picture: how long a plan takes by its horizon, for each batch, beside the floor."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def draw(path: Path, plans: Sequence[dict[str, Any]]) -> None:
    """Write it, PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for i, batch in enumerate(sorted({row["batch"] for row in plans})):
        rows = [row for row in plans if row["batch"] == batch]
        tokens = [row["horizon"] for row in rows]
        for name, style, label in (("p50_ms", "-o", ""), ("p99_ms", ":", ", p99")):
            ms = [row[name] for row in rows]
            axes.loglog(tokens, ms, style, color=f"C{i}", label=f"{_robots(batch)}{label}")
        floor = [row["floor_ms"] for row in rows]
        axes.loglog(tokens, floor, "--", color=f"C{i}", alpha=0.4, label=f"{_robots(batch)}, floor")
    horizons = sorted({row["horizon"] for row in plans})
    axes.set_xticks(horizons, map(str, horizons))
    axes.minorticks_off()
    axes.set(xlabel="future tokens", ylabel="ms of a plan for every robot")
    axes.legend(fontsize="small")
    FigureCanvasAgg(figure).print_png(str(path))


def _robots(batch: int) -> str:
    return "1 robot" if batch == 1 else f"{batch} robots"
