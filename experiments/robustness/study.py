"""What is measured: mazes, training seeds, episodes, and where everything lies."""

import dataclasses
from pathlib import Path

from experiments.maze2d.study import TRAINING_SEEDS, TUNING

HERE = Path(__file__).parent
MAZES = ("medium", "large")
EVALUATION = range(32_000, 32_020)
"""Of the episodes in the table; fixed before any result on them was looked at."""


@dataclasses.dataclass(frozen=True)
class Study:
    """The experiment, whole or in part.

    Attributes:
        mazes, seeds: mazes and training seeds, whose runs the Maze2D comparison trains.
        runs: folder of those runs.
        results: folder of the measurements.
        pages: folder of table.md, table.json and the README that is filled in.
        evaluation: seeds of the episodes.
    """

    mazes: tuple[str, ...] = MAZES
    seeds: tuple[int, ...] = TRAINING_SEEDS
    runs: Path = Path("runs/maze2d")
    results: Path = Path("runs/robustness")
    pages: Path = HERE
    evaluation: range = EVALUATION

    def rehearsal(self, folder: Path, episodes: int) -> "Study":
        """The same on a few of the tuning seeds, with all that is written in `folder`."""
        pages = folder / "pages"
        return dataclasses.replace(self, results=folder, pages=pages, evaluation=TUNING[:episodes])

    def run(self, maze: str, seed: int) -> Path:
        """The trained run of a maze."""
        return self.runs / f"{maze}-{seed}"

    def result(self, maze: str, seed: int, condition: str) -> Path:
        """Where the measurement of a run under a condition lies."""
        return self.results / f"{maze}-{seed}" / f"{condition}.json"
