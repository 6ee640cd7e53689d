"""What is measured: mazes, seeds, and the files of runs, results and pages."""

import dataclasses
import re
from pathlib import Path

from dfplan.tasks.load import checkpoint_folder
from dfplan.tasks.registry import Task, get_task
from experiments.common.protocol import MAZES, TRAINING_SEEDS, TUNING
from experiments.maze2d.custom_maps import CUSTOM_MAPS, custom_arguments, custom_task

HERE = Path(__file__).parent
SHOWN_SEED = 0
"""Training seed of the runs whose planners are ablated, drawn and recorded on video."""
EVALUATION = range(30_000, 30_100)
"""Episode seeds of the table; fixed before any result on them was looked at."""
ABLATION = range(31_000, 31_050)
"""Episode seeds of the ablations; fixed before any result on them was looked at."""
GOALS = {"random": "", "fixed": "-fixed"}
"""Kinds of goal, with the suffix of the task names: Multi2D and Maze2D."""
TITLES = {"umaze": "UMaze", "medium": "Medium", "large": "Large"}


@dataclasses.dataclass(frozen=True)
class Study:
    """A comparison, whole or in part.

    Attributes:
        mazes: Names of mazes or custom maps.
        seeds: Training seeds.
        goals: Kinds of goal.
        runs: Folder of the trained runs.
        results: Folder of the measurements.
        pages: Folder of table.md, ablations.md, the figures and the README.
        evaluation: Episode seeds of the table.
        ablation: Episode seeds of the ablations.
    """

    mazes: tuple[str, ...] = MAZES
    seeds: tuple[int, ...] = TRAINING_SEEDS
    goals: tuple[str, ...] = tuple(GOALS)
    runs: Path = Path("runs/maze2d")
    results: Path = Path("runs/maze2d")
    pages: Path = HERE
    evaluation: range = EVALUATION
    ablation: range = ABLATION

    def dry_run(self, folder: Path, episodes: int) -> "Study":
        """Return the same study on a few tuning seeds, with all output in `folder`.

        Only the trained runs are still read from `runs`.
        """
        seeds = TUNING[:episodes]
        return dataclasses.replace(
            self, results=folder, pages=folder / "pages", evaluation=seeds, ablation=seeds
        )

    def run(self, maze: str, seed: int) -> Path:
        """Return the directory of a maze's trained run."""
        return self.runs / f"{maze}-{seed}"

    def shown(self, maze: str) -> Path:
        """Return the run that is ablated and shown: the study's own, else the pretrained one."""
        run = self.run(maze, SHOWN_SEED)
        task = maze_task(maze)
        is_local = (run / "config.json").is_file() or not task.checkpoint
        return run if is_local else checkpoint_folder(task)

    def network(self, maze: str, name: str) -> Path:
        """Return the directory of a run that was trained for an ablation."""
        return self.runs / "ablations" / f"{maze}-{name}"

    def result(self, maze: str, seed: int, goal: str) -> Path:
        """Return the file of a trained run's evaluation."""
        return self.results / f"{maze}-{seed}" / f"{goal}.json"

    def reference(self, maze: str, goal: str, name: str) -> Path:
        """Return the file of a reference's evaluation."""
        return self.results / "references" / f"{maze}-{goal}" / f"{name}.json"

    def ablated(self, ablation: str, maze: str, label: str) -> Path:
        """Return the file of a variant's evaluation."""
        slug = re.sub(r"[^a-z0-9.]+", "-", label.lower()).strip("-")
        return self.results / "ablations" / ablation / f"{maze}-{slug}.json"

    def ablation_reference(self, maze: str, name: str) -> Path:
        """Return the file of a reference's evaluation on the ablations' episodes."""
        return self.results / "ablations" / "references" / f"{maze}-{name}.json"


def task_arguments(maze: str) -> list[str]:
    """Return the arguments of `dfplan collect` and `dfplan train` that name a maze."""
    return custom_arguments(maze) if maze in CUSTOM_MAPS else [maze_task(maze).name]


def maze_task(maze: str, goal: str = "random") -> Task:
    """Return the task of a maze and a kind of goal; custom maps always have random goals."""
    if maze in CUSTOM_MAPS:
        return custom_task(maze)
    return get_task(f"pointmaze-{maze}{GOALS[goal]}")
