"""Figure of plan time over the horizon, for each batch size, with the floor."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.common.figures import new_figure, save_figure


def draw(path: Path, plans: Sequence[dict[str, Any]]) -> None:
    """Draw the plan times and write the figure as a PNG file."""
    figure = new_figure(6, 4)
    axes = figure.subplots()
    for i, batch in enumerate(sorted({row["batch"] for row in plans})):
        rows = [row for row in plans if row["batch"] == batch]
        tokens = [row["horizon"] for row in rows]
        for name, style, suffix in (("p50_ms", "-o", ""), ("p99_ms", ":", ", p99")):
            ms = [row[name] for row in rows]
            axes.loglog(tokens, ms, style, color=f"C{i}", label=f"{_robots(batch)}{suffix}")
        floor = [row["floor_ms"] for row in rows]
        axes.loglog(tokens, floor, "--", color=f"C{i}", alpha=0.4, label=f"{_robots(batch)}, floor")
    horizons = sorted({row["horizon"] for row in plans})
    axes.set_xticks(horizons, map(str, horizons))
    axes.minorticks_off()
    axes.set(xlabel="future tokens", ylabel="ms per plan of all robots")
    axes.legend(fontsize="small")
    save_figure(figure, path)


def _robots(batch: int) -> str:
    return "1 robot" if batch == 1 else f"{batch} robots"
