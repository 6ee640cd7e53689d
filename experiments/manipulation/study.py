"""The study: its tasks, sizes and seeds, and the files of its runs, results and pages."""

import dataclasses
from pathlib import Path

from dfplan.tasks.registry import Task, get_task
from experiments.common.protocol import TRAINING_SEEDS

HERE = Path(__file__).parent
PREFIX = "ogbench-"
DATA_STEPS = {"cube-single-play": 100_000}
"""Control steps of the data for each task so far; OGBench's own datasets have a million or more."""
NAMES = tuple(DATA_STEPS)
EVALUATION = range(30_000, 30_250)
"""Episode seeds, 50 for each of an environment's five tasks; settings were chosen on seeds from
1,000."""


@dataclasses.dataclass(frozen=True)
class Study:
    """The study, whole or in part.

    Attributes:
        names: Names of tasks without "ogbench-", such as cube-single-play.
        seeds: Training seeds.
        runs: Folder of the trained runs.
        results: Folder of the measurements, one JSON file per run.
        pages: Folder of the README.
        evaluation: Episode seeds.
    """

    names: tuple[str, ...] = NAMES
    seeds: tuple[int, ...] = TRAINING_SEEDS
    runs: Path = Path("runs/manipulation")
    results: Path = HERE / "results"
    pages: Path = HERE
    evaluation: range = EVALUATION

    def dry_run(self, folder: Path, episodes: int) -> "Study":
        """Return the same study on a few tuning seeds, with all output in `folder`."""
        seeds = range(1000, 1000 + 5 * episodes)
        return dataclasses.replace(self, results=folder, pages=folder / "pages", evaluation=seeds)

    def run(self, name: str, seed: int) -> Path:
        """Return the directory of a trained run."""
        return self.runs / f"{name}-{seed}"

    def result(self, name: str, seed: int, stage: str = "success") -> Path:
        """Return the file of a run's measurements.

        Args:
            name: Name of the task.
            seed: Training seed.
            stage: What was measured: "success", "chain" or "latency".
        """
        return self.results / stage / f"{name}-{seed}.json"


def suite_task(name: str) -> Task:
    """Return the task of a name without "ogbench-"."""
    return get_task(PREFIX + name)
