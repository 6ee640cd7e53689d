"""The table of the comparison: table.json, table.md, and the README between its markers."""

from typing import Any

from dfplan.cli.common import console, write_json
from dfplan.evaluate import METRICS
from experiments.maze2d.gather import gather
from experiments.maze2d.markdown import EMPTY, cell, number, table
from experiments.maze2d.pages import fill_readme, write_page
from experiments.maze2d.published import PUBLISHED
from experiments.maze2d.study import GOALS, MAZES, TITLES, Study, task

HEADER = ("raw return", "normalised", "latched", "first reach, steps", "reach rate", "success rate")
DIGITS = dict.fromkeys(METRICS, 1) | {"reach_rate": 2, "success_rate": 2}
ROWS = {
    "bound": "hard bound",
    "near_optimal": "near-optimal control, knows the map",
    "controller": "the data's controller, knows the map",
    "random": "random actions",
}
KINDS = {"random": "Multi2D: random goals", "fixed": "Maze2D: the fixed goal"}
OWN = {
    "normalized_score": "dfplan, normalised",
    "latched_score": "dfplan, latched",
    "raw_return": "dfplan, raw return",
}


def write_table(study: Study) -> None:
    """Write the table of what has been measured so far, and print it."""
    found = gather(study)
    text = render(found)
    write_json(study.pages / "table.json", found)
    write_page(study.pages / "table.md", f"# Maze2D and Multi2D\n\n{text}\n")
    fill_readme(study, "table", text)
    console.print(text)


def render(found: dict[str, Any]) -> str:
    """The table's Markdown."""
    parts = []
    for goal, kind in KINDS.items():
        parts.append(f"### {kind}")
        parts += [
            _task(name, found["tasks"][name])
            for name in (task(maze, goal).name for maze in MAZES)
            if name in found["tasks"]
        ]
    parts += ["### Beside published figures"]
    parts += [_published(found["tasks"], goal) for goal in GOALS]
    parts += ["### Training and planning", _cost(found["cost"])]
    return "\n\n".join(parts)


def _task(name: str, result: dict[str, Any]) -> str:
    seeds = len(result["training_seeds"])
    rows = []
    if result["planner"]:
        rows.append(
            _row(f"**dfplan**, {seeds} training seed{'s' * (seeds != 1)}", result["planner"])
        )
    ratios = result["ratio_to_bound"]
    rows += [_row(label, result["references"].get(key)) for key, label in ROWS.items()]
    if ratios:
        rows.append(["dfplan over the hard bound", *(cell(ratios.get(m), 2) for m in METRICS)])
    episodes = (result["planner"] or next(iter(result["references"].values()), {})).get("episodes")
    count = "not measured yet" if episodes is None else f"{episodes} episodes"
    return f"**{name}**, {count}\n\n{table(['', *HEADER], rows)}"


def _row(label: str, metrics: dict[str, Any] | None) -> list[str]:
    values = metrics or {}
    return [label, *(cell(values.get(name), DIGITS[name]) for name in METRICS)]


def _published(tasks: dict[str, Any], goal: str) -> str:
    """dfplan's figures under each metric, then those of papers."""
    rows = []
    for metric, label in OWN.items():
        planners = [tasks.get(task(maze, goal).name, {}).get("planner") for maze in MAZES]
        rows.append([label, *(cell(p and p[metric]) for p in planners), "this page's tables"])
    for entry in PUBLISHED:
        if figures := getattr(entry, goal):
            what = f"{entry.metric} ({entry.paper})"
            rows.append([entry.method, *(number(figure) for figure in figures), what])
    header = ["", *TITLES.values(), "what the number is"]
    return f"**{KINDS[goal]}**\n\n{table(header, rows, text=(0, len(TITLES) + 1))}"


def _cost(cost: dict[str, list[dict[str, Any]]]) -> str:
    rows = [
        [
            f"{TITLES[maze]}, seed {run['seed']}",
            number(run["wall_minutes"]),
            number(run["cpu_minutes"]),
            EMPTY if run["cores"] is None else str(run["cores"]),
            number(run["steps"], 0),
            number(run["parameters"], 0),
            *(number(run["latency_ms"] and run["latency_ms"][q]) for q in ("p50", "p99")),
        ]
        for maze, runs in cost.items()
        for run in runs
    ]
    header = ["", "training, wall minutes", "CPU minutes", "cores", "steps", "parameters"]
    return table([*header, "one plan, ms", "99 % at most, ms"], rows)
