"""What is measured: networks, rows of the tables, seeds, and the files of runs and results."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dfplan.tasks.load import checkpoint_folder
from dfplan.tasks.registry import Task, get_task
from experiments.common.protocol import TRAINING_SEEDS, TUNING

HERE = Path(__file__).parent
EVALUATION = range(36_200, 36_300)
"""Episode seeds of the T-maze; fixed before any result on them was looked at."""
MEDIUM_EVALUATION = range(34_000, 34_020)
"""Episode seeds of Medium; fixed before any result on them was looked at."""
SMALL = {
    "net.width": 64,
    "net.layers": 2,
    "training.batch_size": 16,
    "training.ema": 0.99,
}
NETWORKS = {"full": 1_200, "brief": 300}
"""Training steps of the T-maze's networks."""
NOISE = "obs_noise=0.2,0.2,0,0"
DROPOUT = "obs_dropout=0.5"
NOISY = {"sensing.observation_noise": (0.2, 0.2, 0.0, 0.0), "history.tokens": 4}
GAPS = {"sensing.missing": True, "history.tokens": 4}


def guidance(weight: float, level: float = 1.0, keep: int = 1) -> dict[str, Any]:
    """Return planner settings that guide against one noised history."""
    return {
        "history.guidance_weights": (weight,),
        "history.guidance_levels": (level,),
        "history.guidance_keep": keep,
    }


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        label: Row label.
        planner: Planner settings to change.
        network: Name from `NETWORKS`, trained for the T-maze; empty for the pretrained planner of
            PointMaze-Medium.
        perturb: Perturbations, as on the command line.
    """

    label: str
    planner: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    network: str = ""
    perturb: tuple[str, ...] = ()


TMAZE = {
    "history": Row("history of 3.8 s", {}, "full"),
    "short": Row("history of 0.6 s, shorter than from cue to turn", {"history.tokens": 4}, "full"),
    "none": Row("no history: the present alone", {"history.tokens": 1}, "full"),
    "guided": Row("history of 3.8 s, guided away from the present alone", guidance(1.0), "full"),
    "brief": Row("trained for a quarter of the steps: history of 3.8 s", {}, "brief"),
    "brief-1": Row("same network, guided away from the present alone", guidance(1.0), "brief"),
}
MEDIUM = {
    "noise-1": Row("noise, history of 1 token", {**NOISY, "history.tokens": 1}, perturb=(NOISE,)),
    "noise": Row("noise, history of 4 tokens", NOISY, perturb=(NOISE,)),
    "noise-vanilla": Row(
        "noise, history of 4 tokens, guided", {**NOISY, **guidance(1.0)}, perturb=(NOISE,)
    ),
    "noise-fractional": Row(
        "noise, history of 4 tokens, guided against noise level 0.5",
        {**NOISY, **guidance(1.0, level=0.5, keep=0)},
        perturb=(NOISE,),
    ),
    "gaps": Row("half missing, history of 4 tokens", GAPS, perturb=(DROPOUT,)),
    "gaps-vanilla": Row(
        "half missing, history of 4 tokens, guided", {**GAPS, **guidance(1.0)}, perturb=(DROPOUT,)
    ),
}
TABLES = {"tmaze": TMAZE, "medium": MEDIUM}


@dataclasses.dataclass(frozen=True)
class Study:
    """The experiment, whole or in part.

    Attributes:
        seeds: Training seeds of the T-maze's networks.
        out: Folder of runs and measurements.
        pages: Folder of the README and the figure.
        evaluation: Episode seeds of the T-maze.
        medium: Episode seeds of Medium.
    """

    seeds: tuple[int, ...] = TRAINING_SEEDS
    out: Path = Path("runs/memory")
    pages: Path = HERE
    evaluation: range = EVALUATION
    medium: range = MEDIUM_EVALUATION

    def dry_run(self, folder: Path, episodes: int) -> "Study":
        """Return the same study on tuning seeds, with all output in `folder`."""
        return dataclasses.replace(
            self,
            out=folder,
            pages=folder / "pages",
            evaluation=TUNING[:episodes],
            medium=TUNING[:episodes],
        )

    def task(self, row: Row) -> Task:
        """Return the task of a row."""
        return get_task("tmaze" if row.network else "pointmaze-medium")

    def training_seeds(self, row: Row) -> tuple[int, ...]:
        """Return the training seeds of the networks that a row is measured with."""
        return self.seeds if row.network else (0,)

    def episodes(self, row: Row) -> range:
        """Return the episode seeds of a row."""
        return self.evaluation if row.network else self.medium

    def run(self, row: Row, seed: int) -> Path:
        """Return the directory of a row's trained run."""
        if row.network:
            return self.network(row.network, seed)
        return checkpoint_folder(self.task(row))

    def network(self, name: str, seed: int) -> Path:
        """Return the directory of one of the T-maze's networks."""
        return self.out / f"{name}-{seed}"

    def result(self, name: str, row: Row, seed: int) -> Path:
        """Return the file of a measurement."""
        return self.out / "results" / f"{row.network or 'medium'}-{seed}" / f"{name}.json"
