"""The study: its tasks and seeds, and the files of its runs and results."""

import dataclasses
from pathlib import Path

from dfplan_envs.locomotion.tasks import SCORES
from experiments.common.protocol import TRAINING_SEEDS

HERE = Path(__file__).parent
KINDS = ("medium-replay", "medium", "medium-expert")
NAMES = tuple(f"{robot}-{kind}" for robot in SCORES for kind in KINDS)
EVALUATION = range(30_000, 30_020)
"""Episode seeds; settings were chosen on seeds from 7,000."""
METHODS = ("dfplan", "cloning", "bc", "td3+bc", "iql")
"""The planner, dfplan's own behavior cloning, and the peers of d3rlpy."""


@dataclasses.dataclass(frozen=True)
class Study:
    """A comparison, whole or in part.

    Attributes:
        names: Names of tasks.
        seeds: Training seeds.
        runs: Folder of the trained runs and exported datasets.
        results: Folder of the measurements.
        pages: Folder of the README.
        evaluation: Episode seeds.
        peer_steps: Optimizer steps of the peers.
    """

    names: tuple[str, ...] = NAMES
    seeds: tuple[int, ...] = TRAINING_SEEDS
    runs: Path = Path("runs/locomotion")
    results: Path = HERE / "results"
    pages: Path = HERE
    evaluation: range = EVALUATION
    peer_steps: int = 500_000

    def dry_run(self, folder: Path, episodes: int) -> "Study":
        """Return the same study on a few tuning seeds, with all output in `folder`."""
        seeds = range(7_000, 7_000 + episodes)
        return dataclasses.replace(self, results=folder, pages=folder / "pages", evaluation=seeds)

    def run(self, name: str, seed: int) -> Path:
        """Return the directory of a trained run."""
        return self.runs / f"{name}-{seed}"

    def result(self, method: str, name: str, seed: int) -> Path:
        """Return the file of an evaluation of one of the `METHODS`."""
        return self.results / method / f"{name}-{seed}.json"
