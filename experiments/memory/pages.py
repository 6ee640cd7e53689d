"""The README's tables, and the figure of paths by cue."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dfplan.cli.common import console
from dfplan.evaluation.bootstrap import mean_interval
from dfplan.plots.style import DRIVEN, INK, PLAN
from dfplan_envs.pointmaze.draw import draw_maze
from dfplan_envs.pointmaze.maps import parse_map
from dfplan_envs.tmaze.env import MAP
from experiments.common import records
from experiments.common.figures import new_figure, save_figure
from experiments.common.markdown import cell, table
from experiments.common.pages import fill_readme
from experiments.common.trained import Trained
from experiments.memory.measure import play_row
from experiments.memory.study import HERE, TABLES, TMAZE, Study

COLUMNS = {
    "tmaze": {"success_rate": ("success rate", 3)},
    "medium": {
        "normalized_score": ("normalized", 1),
        "first_reach": ("first reach, steps", 1),
        "reach_rate": ("reach rate", 2),
    },
}
"""Title and digits of each metric, by table."""
SHOWN = 24
"""Episodes in the figure."""
CUE = 4
"""Index of the cue in the T-maze's state."""


def write_tables(study: Study, tables: Sequence[str] = ()) -> None:
    """Write and print the named tables, or all, as far as they are measured."""
    sections = {name: render(study, name) for name in tables or TABLES}
    fill_readme(study.pages, HERE / "README.md", sections)
    for text in sections.values():
        console.print(text)


def render(study: Study, name: str) -> str:
    """Return a table as Markdown."""
    columns = COLUMNS[name]
    first_metric = next(iter(columns))
    lines = []
    for key, row in TABLES[name].items():
        read = [records.read(study.result(key, row, seed)) for seed in study.training_seeds(row)]
        measured = [record["per_episode"] for record in read if record]
        if measured:
            values = {metric: np.array([m[metric] for m in measured]) for metric in columns}
            seeds, episodes = values[first_metric].shape
            cells = [cell(mean_interval(values[m]), digits) for m, (_, digits) in columns.items()]
            per_seed = ", ".join(f"{mean:.2f}" for mean in values[first_metric].mean(axis=1))
            lines.append([row.label, f"{seeds} x {episodes}", *cells, per_seed])
    titles = [title for title, _ in columns.values()]
    header = ["", "training seeds x episodes", *titles, f"{titles[0]} of each seed"]
    return table(header, lines)


def draw_paths(study: Study) -> None:
    """Draw the driven paths of the first episodes by cue, with and without history."""
    names = ("history", "none")
    figure = new_figure(8, 4.3)
    for ax, name in zip(figure.subplots(1, len(names)), names, strict=True):
        _draw_row(ax, study, name)
    save_figure(figure, study.pages / "figures" / "paths.png")


def _draw_row(ax: Any, study: Study, name: str) -> None:
    row = TMAZE[name]
    agent = Trained.load(study.run(row, study.seeds[0]), row.planner).agent()
    episodes = play_row(study, row, agent, seeds=study.evaluation[:SHOWN])
    # No goal is drawn: either arm may be right.
    draw_maze(ax, parse_map(MAP), goal=np.full(2, np.nan), radius=0.0)
    for states, length in zip(episodes.states, episodes.length, strict=True):
        color = PLAN if states[0, CUE] < 0 else DRIVEN
        ax.plot(*states[: length + 1, :2].T, color=color, linewidth=1, alpha=0.8)
    assert episodes.success is not None
    successes = int(episodes.success.any(axis=1).sum())
    title = f"{row.label.split(':')[0]}: {successes} of {SHOWN} right"
    ax.set_title(title, color=INK, fontsize=10)
    for side, color, text in ((-1, PLAN, "cue: left"), (1, DRIVEN, "cue: right")):
        ax.text(1.7 * side, -2, text, color=color, ha="center", fontsize=9, fontweight="bold")
    ax.set_xticks([])
    ax.set_yticks([])
