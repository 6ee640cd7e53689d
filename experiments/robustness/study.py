"""What is measured: mazes, training seeds, episodes, and the files of runs and results."""

import dataclasses
from pathlib import Path

from experiments.common.protocol import TRAINING_SEEDS, TUNING

HERE = Path(__file__).parent
MAZES = ("medium", "large")
EVALUATION = range(32_000, 32_020)
"""Episode seeds of the table; fixed before any result on them was looked at."""


@dataclasses.dataclass(frozen=True)
class Study:
    """The experiment, whole or in part.

    Attributes:
        mazes: Names of mazes.
        seeds: Training seeds; the Maze2D comparison trains the runs.
        runs: Folder of those runs.
        results: Folder of the measurements.
        pages: Folder of table.md, table.json and the README.
        evaluation: Episode seeds.
    """

    mazes: tuple[str, ...] = MAZES
    seeds: tuple[int, ...] = TRAINING_SEEDS
    runs: Path = Path("runs/maze2d")
    results: Path = Path("runs/robustness")
    pages: Path = HERE
    evaluation: range = EVALUATION

    def dry_run(self, folder: Path, episodes: int) -> "Study":
        """Return the same study on a few tuning seeds, with all output in `folder`."""
        return dataclasses.replace(
            self, results=folder, pages=folder / "pages", evaluation=TUNING[:episodes]
        )

    def run(self, maze: str, seed: int) -> Path:
        """Return the directory of a maze's trained run."""
        return self.runs / f"{maze}-{seed}"

    def result(self, maze: str, seed: int, condition: str) -> Path:
        """Return the file of a run's measurement under a condition."""
        return self.results / f"{maze}-{seed}" / f"{condition}.json"
