"""What is measured: mazes, seeds, and where everything lies."""

import dataclasses
import re
from pathlib import Path

from dfplan.tasks import Task, checkpoint_folder, get_task
from experiments.maze2d.own_maps import OWN, own_arguments, own_task

HERE = Path(__file__).parent
MAZES = ("umaze", "medium", "large")
TRAINING_SEEDS = (0, 1, 2)
SHOWN_SEED = 0
"""Training seed of the runs whose planners are ablated, drawn and filmed."""
EVALUATION = range(30_000, 30_100)
"""Of the episodes in the table; fixed before any result on them was looked at."""
ABLATION = range(31_000, 31_050)
"""Of the episodes in the ablations; likewise."""
TUNING = range(7_000, 8_000)
"""Of the episodes that settings were chosen on; none of them is in a result."""
GOALS = {"random": "", "fixed": "-fixed"}
"""Kinds of goal, and how the tasks' names end: Multi2D and Maze2D."""
TITLES = {"umaze": "UMaze", "medium": "Medium", "large": "Large"}


@dataclasses.dataclass(frozen=True)
class Study:
    """A comparison, whole or in part.

    Attributes:
        mazes, seeds: mazes and training seeds.
        goals: kinds of goal.
        runs: folder of the trained runs.
        results: folder of the measurements.
        pages: folder of table.md, ablations.md, figures and the README that is filled in.
        evaluation, ablation: seeds of the episodes.
    """

    mazes: tuple[str, ...] = MAZES
    seeds: tuple[int, ...] = TRAINING_SEEDS
    goals: tuple[str, ...] = tuple(GOALS)
    runs: Path = Path("runs/maze2d")
    results: Path = Path("runs/maze2d")
    pages: Path = HERE
    evaluation: range = EVALUATION
    ablation: range = ABLATION

    def rehearsal(self, folder: Path, episodes: int) -> "Study":
        """The same on a few of the tuning seeds, with all that is written in `folder`.

        Only the trained runs are still looked for in `runs`.
        """
        seeds = TUNING[:episodes]
        return dataclasses.replace(
            self, results=folder, pages=folder / "pages", evaluation=seeds, ablation=seeds
        )

    def run(self, maze: str, seed: int) -> Path:
        """The trained run of a maze."""
        return self.runs / f"{maze}-{seed}"

    def shown(self, maze: str) -> Path:
        """The run that is ablated and shown; if it is not there, the one that comes trained."""
        run, where = self.run(maze, SHOWN_SEED), task(maze)
        here = (run / "config.json").is_file() or not where.checkpoint
        return run if here else checkpoint_folder(where)

    def network(self, maze: str, name: str) -> Path:
        """The run of a maze that was trained for an ablation."""
        return self.runs / "ablations" / f"{maze}-{name}"

    def result(self, maze: str, seed: int, goal: str) -> Path:
        """Where the evaluation of a trained run lies."""
        return self.results / f"{maze}-{seed}" / f"{goal}.json"

    def reference(self, maze: str, goal: str, name: str) -> Path:
        """Where the evaluation of a reference lies."""
        return self.results / "references" / f"{maze}-{goal}" / f"{name}.json"

    def ablated(self, ablation: str, maze: str, label: str) -> Path:
        """Where the evaluation of a variant lies."""
        slug = re.sub(r"[^a-z0-9.]+", "-", label.lower()).strip("-")
        return self.results / "ablations" / ablation / f"{maze}-{slug}.json"

    def ablation_reference(self, maze: str, name: str) -> Path:
        """Where the evaluation of a reference on the ablations' episodes lies."""
        return self.results / "ablations" / "references" / f"{maze}-{name}.json"


def arguments(maze: str) -> list[str]:
    """What `dfplan collect` and `train` are told of a maze."""
    return own_arguments(maze) if maze in OWN else [task(maze).name]


def task(maze: str, goal: str = "random") -> Task:
    """The task of a maze and a kind of goal; maps of one's own have random goals."""
    if maze in OWN:
        return own_task(maze)
    return get_task(f"pointmaze-{maze}{GOALS[goal]}")
