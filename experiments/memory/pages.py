"""The README's tables, and the picture of paths by cue."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dfplan.cli.common import console
from dfplan.plots.style import DRIVEN, INK, PLAN
from dfplan_envs.pointmaze.draw import draw_maze
from dfplan_envs.pointmaze.maps import parse_map
from dfplan_envs.tmaze.env import MAP
from experiments.maze2d import records
from experiments.maze2d.bootstrap import mean_interval
from experiments.maze2d.evaluate import Trained
from experiments.maze2d.markdown import cell, fill, table
from experiments.maze2d.pages import write_page
from experiments.memory.measure import drive
from experiments.memory.study import HERE, TABLES, TMAZE, Study

COLUMNS = {
    "tmaze": {"success_rate": ("success rate", 3)},
    "medium": {
        "normalized_score": ("normalised", 1),
        "first_reach": ("first reach, steps", 1),
        "reach_rate": ("reach rate", 2),
    },
}
SHOWN = 24
"""Episodes in the picture."""
CUE = 4
"""Its place in the T-maze's state."""


def write_tables(study: Study, tables: Sequence[str] = ()) -> None:
    """Write and print some tables, or all, of what has been measured so far."""
    path = study.pages / "README.md"
    text = (path if path.is_file() else HERE / "README.md").read_text()
    for name in tables or TABLES:
        body = render(study, name)
        text = fill(text, name, body)
        console.print(body)
    write_page(path, text)


def render(study: Study, name: str) -> str:
    """A table's Markdown."""
    columns, lines = COLUMNS[name], []
    for key, row in TABLES[name].items():
        read = [records.read(study.result(key, row, seed)) for seed in study.training_seeds(row)]
        found = [record["per_episode"] for record in read if record]
        if found:
            values = {m: np.array([f[m] for f in found]) for m in columns}
            size = f"{len(found)} x {values[next(iter(columns))].shape[1]}"
            cells = (cell(mean_interval(values[m]), d) for m, (_, d) in columns.items())
            each = ", ".join(f"{v:.2f}" for v in values[next(iter(columns))].mean(axis=1))
            lines.append([row.label, size, *cells, each])
    titles = [title for title, _ in columns.values()]
    header = ["", "training seeds x episodes", *titles, f"{titles[0]} of each seed"]
    return table(header, lines)


def draw_paths(study: Study) -> None:
    """Draw driven paths by cue, with history and without, of the first episodes."""
    from matplotlib.figure import Figure

    names = ("history", "none")
    figure = Figure(figsize=(8, 4.3), layout="constrained")
    for ax, name in zip(figure.subplots(1, len(names)), names, strict=True):
        _draw(ax, study, name)
    path = study.pages / "figures" / "paths.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    console.print(f"wrote {path}")


def _draw(ax: Any, study: Study, name: str) -> None:
    row = TMAZE[name]
    agent = Trained.load(study.run(row, study.seeds[0]), row.planner).agent()
    played = drive(study, row, agent, study.evaluation[:SHOWN])
    draw_maze(ax, parse_map(MAP), np.full(2, np.nan), 0.0)  # either arm may be right
    for states, length in zip(played.states, played.length, strict=True):
        color = PLAN if states[0, CUE] < 0 else DRIVEN
        ax.plot(*states[: length + 1, :2].T, color=color, linewidth=1, alpha=0.8)
    assert played.success is not None
    right = int(played.success.any(axis=1).sum())
    ax.set_title(f"{row.label.split(':')[0]}: {right} of {SHOWN} right", color=INK, fontsize=10)
    for side, color, text in ((-1, PLAN, "cue: left"), (1, DRIVEN, "cue: right")):
        ax.text(1.7 * side, -2, text, color=color, ha="center", fontsize=9, fontweight="bold")
    ax.set_xticks([])
    ax.set_yticks([])
