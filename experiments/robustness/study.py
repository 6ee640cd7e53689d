"""What is measured: mazes, training seeds, episodes, and where everything lies."""

import dataclasses
from pathlib import Path

from dfplan.tasks import checkpoint_folder
from experiments.maze2d.study import TRAINING_SEEDS, TUNING, task

HERE = Path(__file__).parent
MAZES = ("medium", "large")
EVALUATION = range(32_000, 32_020)
"""Of the episodes in the table; fixed before any result on them was looked at."""


@dataclasses.dataclass(frozen=True)
class Study:
    """The experiment, whole or in part.

    Attributes:
        mazes, seeds: mazes and training seeds, whose runs the Maze2D comparison trains.
        shipped: measure the planners that come trained instead, one for each maze.
        runs: folder of those runs.
        results: folder of the measurements.
        pages: folder of table.md, table.json and the README that is filled in.
        evaluation: seeds of the episodes.
    """

    mazes: tuple[str, ...] = MAZES
    seeds: tuple[int, ...] = TRAINING_SEEDS
    shipped: bool = False
    runs: Path = Path("runs/maze2d")
    results: Path = Path("runs/robustness")
    pages: Path = HERE
    evaluation: range = EVALUATION

    def rehearsal(self, folder: Path, episodes: int) -> "Study":
        """The same on a few of the tuning seeds, with all that is written in `folder`."""
        pages = folder / "pages"
        return dataclasses.replace(self, results=folder, pages=pages, evaluation=TUNING[:episodes])

    @property
    def name(self) -> str:
        """Of the table's files, and of its place in the README."""
        return "shipped" if self.shipped else "table"

    def run(self, maze: str, seed: int) -> Path:
        """The trained run of a maze."""
        if self.shipped:
            return checkpoint_folder(task(maze))
        return self.runs / f"{maze}-{seed}"

    def result(self, maze: str, seed: int, condition: str) -> Path:
        """Where the measurement of a run under a condition lies."""
        run = f"{maze}-shipped" if self.shipped else f"{maze}-{seed}"
        return self.results / run / f"{condition}.json"
