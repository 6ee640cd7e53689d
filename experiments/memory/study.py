"""What is measured: networks, rows of the tables, seeds, and where everything lies."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dfplan.tasks import Task, checkpoint_folder, get_task
from experiments.maze2d.study import TRAINING_SEEDS, TUNING

HERE = Path(__file__).parent
EVALUATION = range(36_200, 36_300)
"""Of the T-maze's episodes; fixed before any result on them was looked at."""
MEDIUM_EVALUATION = range(34_000, 34_020)
"""Of Medium's; likewise."""
SMALL = {
    "net.width": 64,
    "net.layers": 2,
    "training.batch_size": 16,
    "training.ema": 0.99,
}
NETWORKS = {"full": 1_200, "brief": 300}
"""Training steps of the T-maze's networks."""
NOISE = "obs_noise=0.2,0.2,0,0"
NOISY = {"observation_noise": (0.2, 0.2, 0.0, 0.0), "history": 4}
GAPS = {"missing": True, "history": 4}


def guidance(weight: float, level: float = 1.0, keep: int = 1) -> dict[str, Any]:
    """Planner settings that guide by one blurred history."""
    return {
        "history_guidance": (weight,),
        "history_guidance_levels": (level,),
        "history_guidance_keep": keep,
    }


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        label: of the row.
        planner: planner settings that are changed.
        network: of `NETWORKS`, trained for the T-maze; empty for Medium's planner that comes
            trained.
        perturb: perturbations, as on the command line.
    """

    label: str
    planner: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    network: str = ""
    perturb: tuple[str, ...] = ()


TMAZE = {
    "history": Row("history of 3.8 s", {}, "full"),
    "short": Row("history of 0.6 s, shorter than the way from cue to turn", {"history": 4}, "full"),
    "none": Row("no history: the present alone", {"history": 1}, "full"),
    "guided": Row("history of 3.8 s, guided away from the present alone", guidance(1.0), "full"),
    "brief": Row("trained for a quarter as long: history of 3.8 s", {}, "brief"),
    "brief-1": Row("the same, guided away from the present alone", guidance(1.0), "brief"),
}
MEDIUM = {
    "noise-1": Row("noise, history of 1 token", {**NOISY, "history": 1}, perturb=(NOISE,)),
    "noise": Row("noise, history of 4 tokens", NOISY, perturb=(NOISE,)),
    "noise-vanilla": Row("the same, guided", {**NOISY, **guidance(1.0)}, perturb=(NOISE,)),
    "noise-fractional": Row(
        "the same, guided by level 0.5", {**NOISY, **guidance(1.0, 0.5, 0)}, perturb=(NOISE,)
    ),
    "gaps": Row("half missing, history of 4 tokens", GAPS, perturb=("obs_dropout=0.5",)),
    "gaps-vanilla": Row(
        "the same, guided", {**GAPS, **guidance(1.0)}, perturb=("obs_dropout=0.5",)
    ),
}
TABLES = {"tmaze": TMAZE, "medium": MEDIUM}


@dataclasses.dataclass(frozen=True)
class Study:
    """The experiment, whole or in part.

    Attributes:
        seeds: training seeds of the T-maze's networks.
        out: folder of runs and measurements.
        pages: folder of the README that is filled in, and of the figure.
        evaluation, medium: seeds of the episodes.
    """

    seeds: tuple[int, ...] = TRAINING_SEEDS
    out: Path = Path("runs/memory")
    pages: Path = HERE
    evaluation: range = EVALUATION
    medium: range = MEDIUM_EVALUATION

    def rehearsal(self, folder: Path, episodes: int) -> "Study":
        """The same on tuning seeds, with all that is measured and written in `folder`."""
        return dataclasses.replace(
            self,
            out=folder,
            pages=folder / "pages",
            evaluation=TUNING[:episodes],
            medium=TUNING[:episodes],
        )

    def task(self, row: Row) -> Task:
        """Of a row."""
        return get_task("tmaze" if row.network else "pointmaze-medium")

    def training_seeds(self, row: Row) -> tuple[int, ...]:
        """Of the networks that a row is measured with."""
        return self.seeds if row.network else (0,)

    def episodes(self, row: Row) -> range:
        """Seeds of a row's episodes."""
        return self.evaluation if row.network else self.medium

    def run(self, row: Row, seed: int) -> Path:
        """The trained run of a row."""
        if row.network:
            return self.out / f"{row.network}-{seed}"
        return checkpoint_folder(self.task(row))

    def result(self, name: str, row: Row, seed: int) -> Path:
        """Where a measurement lies."""
        return self.out / "results" / f"{row.network or 'medium'}-{seed}" / f"{name}.json"
