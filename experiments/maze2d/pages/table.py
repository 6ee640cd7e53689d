"""The table of the comparison: table.json, table.md, and the README between its markers."""

from typing import Any

from dfplan.cli.common import console, write_json
from dfplan.evaluation.metrics import METRICS
from experiments.common.markdown import EMPTY, cell, number, table
from experiments.common.pages import fill_readme, write_page
from experiments.common.protocol import MAZES
from experiments.maze2d.pages.gather import gather
from experiments.maze2d.pages.published import PUBLISHED
from experiments.maze2d.study import GOALS, HERE, TITLES, Study, maze_task

HEADER = ("raw return", "normalized", "latched", "first reach, steps", "reach rate", "success rate")
DIGITS = dict.fromkeys(METRICS, 1) | {"reach_rate": 2, "success_rate": 2}
REFERENCE_ROWS = {
    "bound": "hard bound",
    "near_optimal": "near-optimal control, knows the map",
    "controller": "the data's controller, knows the map",
    "random": "random actions",
}
GOAL_TITLES = {"random": "Multi2D: random goals", "fixed": "Maze2D: the fixed goal"}
PLANNER_ROWS = {
    "normalized_score": "dfplan, normalized",
    "latched_score": "dfplan, latched",
    "raw_return": "dfplan, raw return",
}


def write_table(study: Study) -> None:
    """Write the table of what is measured so far, and print it."""
    gathered = gather(study)
    text = render(gathered)
    write_json(study.pages / "table.json", gathered)
    write_page(study.pages / "table.md", f"# Maze2D and Multi2D\n\n{text}\n")
    fill_readme(study.pages, HERE / "README.md", {"table": text})
    console.print(text)


def render(gathered: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    tasks = gathered["tasks"]
    sections = []
    for goal, title in GOAL_TITLES.items():
        sections.append(f"### {title}")
        names = [maze_task(maze, goal).name for maze in MAZES]
        sections += [_task_table(name, tasks[name]) for name in names if name in tasks]
    sections.append("### Comparison with published results")
    sections += [_published_table(tasks, goal) for goal in GOALS]
    sections += ["### Training and planning time", _cost_table(gathered["cost"])]
    return "\n\n".join(sections)


def _task_table(name: str, result: dict[str, Any]) -> str:
    planner = result["planner"]
    references = result["references"]
    rows = []
    if planner:
        seeds = len(result["training_seeds"])
        rows.append(_row(f"**dfplan**, {seeds} training seed{'s' * (seeds != 1)}", planner))
    rows += [_row(label, references.get(key)) for key, label in REFERENCE_ROWS.items()]
    ratios = result["ratio_to_bound"]
    if ratios:
        rows.append(["dfplan / hard bound", *(cell(ratios.get(m), 2) for m in METRICS)])
    episodes = (planner or next(iter(references.values()), {})).get("episodes")
    count = "not measured yet" if episodes is None else f"{episodes} episodes"
    return f"**{name}**, {count}\n\n{table(['', *HEADER], rows)}"


def _row(label: str, metrics: dict[str, Any] | None) -> list[str]:
    values = metrics or {}
    return [label, *(cell(values.get(name), DIGITS[name]) for name in METRICS)]


def _published_table(tasks: dict[str, Any], goal: str) -> str:
    """Return dfplan's numbers under each metric, then those of the papers."""
    rows = []
    for metric, label in PLANNER_ROWS.items():
        planners = [tasks.get(maze_task(maze, goal).name, {}).get("planner") for maze in MAZES]
        rows.append([label, *(cell(p and p[metric]) for p in planners), "the tables above"])
    for entry in PUBLISHED:
        if values := getattr(entry, goal):
            metric = f"{entry.metric} ({entry.paper})"
            rows.append([entry.method, *(number(value) for value in values), metric])
    header = ["", *TITLES.values(), "metric"]
    return f"**{GOAL_TITLES[goal]}**\n\n{table(header, rows, text=(0, len(TITLES) + 1))}"


def _cost_table(cost: dict[str, list[dict[str, Any]]]) -> str:
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
    return table([*header, "one plan, p50, ms", "one plan, p99, ms"], rows)
