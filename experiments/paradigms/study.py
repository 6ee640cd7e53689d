"""What is measured: paradigms, training seeds, rollouts, and the files of runs and results."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.common.paradigms import ONE_STREAM, TWO_STREAMS, Paradigm, Rollout
from experiments.common.protocol import TRAINING_SEEDS, TUNING

HERE = Path(__file__).parent
SOURCE = "pointmaze-medium"
"""Task whose data the networks continue, without its goals."""
WINDOW = 24
"""State tokens per training window: 2.9 s of a robot without a goal."""
LENGTHS = (4, 16)
"""Rollout lengths in windows."""
EVALUATION = range(33_000, 33_100)
"""Episode seeds; the first is also the seed of the held-out data. Fixed before any was used."""


COMMON: dict[str, Any] = {
    "net.width": 64,
    "data.stride": 12,
    "data.tokens": WINDOW,
    "training.steps": 1_200,
    "training.save_every": 1_200,
}
"""Settings of all paradigms, on top of the default preset."""


def _paradigm(label: str, name: str, settings: Mapping[str, Any]) -> Paradigm:
    return Paradigm(label, {**COMMON, "training.objective.paradigm": name, **settings})


FULL = {**ONE_STREAM, "planner.sampling.matrix": "full_sequence"}
PARADIGMS = {
    "forcing": _paradigm("Diffusion Forcing", "independent", TWO_STREAMS),
    "next-token": _paradigm("next-token diffusion", "teacher_forcing", TWO_STREAMS),
    "regression": _paradigm(
        "next-token regression", "regression", {**TWO_STREAMS, "planner.sampling.steps": 1}
    ),
    "full": _paradigm("full-sequence diffusion, causal", "shared", FULL),
    "bidirectional": _paradigm(
        "full-sequence diffusion, bidirectional",
        "shared",
        {**FULL, "net.kind": "bidirectional"},
    ),
}
STEPS = 5
"""Denoising steps per token of every paradigm except regression, which has one."""
BY_TOKEN = {
    "sampling.matrix": "autoregressive",
    "history.tokens": WINDOW // 2,
    "horizon": 1,
    "sampling.steps": STEPS,
}
BY_WINDOW = {
    "sampling.matrix": "full_sequence",
    "history.tokens": 1,
    "horizon": 0,
    "sampling.steps": STEPS,
}
STABILIZATION = 0.01
"""Noise level at which Diffusion Forcing's history is declared."""
ROLLOUTS = {
    "forcing": Rollout(
        "**Diffusion Forcing**", "forcing", {**BY_TOKEN, "history.level": STABILIZATION}
    ),
    "forcing-clean": Rollout("the same network, history declared clean", "forcing", BY_TOKEN),
    "next-token": Rollout("next-token diffusion", "next-token", BY_TOKEN),
    "regression": Rollout("next-token regression", "regression", {**BY_TOKEN, "sampling.steps": 1}),
    "full": Rollout("full sequence, causal, window after window", "full", BY_WINDOW),
    "bidirectional": Rollout(
        "full sequence, bidirectional, window after window", "bidirectional", BY_WINDOW
    ),
}


@dataclasses.dataclass(frozen=True)
class Study:
    """The experiment, whole or in part.

    Attributes:
        paradigms: Names of the paradigms to train and roll out.
        seeds: Training seeds.
        runs: Folder of the trained runs.
        results: Folder of the measurements.
        pages: Folder of table.md, the figures and the README.
        evaluation: Episode seeds; the held-out data is collected with the first.
        rollouts: Number of trajectories that are continued with each network.
        lengths: Rollout lengths in windows, increasing.
        settings: Training settings that override those of the paradigms.
    """

    paradigms: tuple[str, ...] = tuple(PARADIGMS)
    seeds: tuple[int, ...] = TRAINING_SEEDS
    runs: Path = Path("runs/paradigms")
    results: Path = Path("runs/paradigms")
    pages: Path = HERE
    evaluation: range = EVALUATION
    rollouts: int = 64
    lengths: tuple[int, ...] = LENGTHS
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def dry_run(self, folder: Path, episodes: int) -> "Study":
        """Return the same study on a few tuning seeds, with all output in `folder`."""
        return dataclasses.replace(
            self,
            results=folder,
            pages=folder / "pages",
            evaluation=TUNING[:episodes],
            rollouts=episodes,
        )

    def run(self, name: str, seed: int) -> Path:
        """Return the directory of a trained run."""
        return self.runs / f"{name}-{seed}"

    def result(self, stage: str, name: str, seed: int) -> Path:
        """Return the file of a measurement."""
        return self.results / stage / f"{name}-{seed}.json"

    def states(self, name: str, seed: int) -> Path:
        """Return the file with the states of a run's rollouts."""
        return self.results / "rollouts" / f"{name}-{seed}.npz"

    @property
    def held_out(self) -> str:
        """Minari id of the data whose trajectories are continued."""
        return dataset(self.evaluation.start)


def dataset(seed: int) -> str:
    """Return the Minari id of the data without goals that is collected with a seed."""
    return f"paradigms/medium-{seed}-v0"
