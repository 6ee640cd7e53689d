"""What is measured: paradigms, training seeds, rollouts, and where everything lies."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.maze2d.study import TRAINING_SEEDS, TUNING

HERE = Path(__file__).parent
SOURCE = "pointmaze-medium"
"""The task whose data is continued, without its goals."""
WINDOW = 24
"""State tokens per training window: 2.9 s of a robot that is given no goal."""
LENGTHS = (4, 16)
"""Of the rollouts, in windows."""
EVALUATION = range(33_000, 33_100)
"""Seeds of the episodes, and the first one of the held-out data; fixed before looking at any."""


@dataclasses.dataclass(frozen=True)
class Paradigm:
    """A network, by what training draws for it.

    Attributes:
        label: in the table.
        settings: dotted settings of training and network.
    """

    label: str
    settings: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Rollout:
    """A way to go on forever with a network.

    Attributes:
        label: in the table.
        paradigm: whose networks.
        planner: settings of the planner; a horizon of 0 fills the window.
    """

    label: str
    paradigm: str
    planner: Mapping[str, Any]


COMMON: dict[str, Any] = {
    "net.width": 64,
    "data.stride": 12,
    "data.tokens": WINDOW,
    "training.steps": 1_200,
    "training.save_every": 1_200,
}
"""On top of the default preset, for all."""
TWO = {"training.objective.streams": "two", "training.batch_size": 32}
ONE = {"training.objective.streams": "single", "training.batch_size": 64}
"""Two streams of 32 sequences and one of 64 are as many tokens, and cost the same."""


def _paradigm(label: str, name: str, more: Mapping[str, Any]) -> Paradigm:
    return Paradigm(label, {**COMMON, "training.objective.paradigm": name, **more})


FULL = {**ONE, "planner.matrix": "full_sequence"}
PARADIGMS = {
    "forcing": _paradigm("Diffusion Forcing", "independent", TWO),
    "next-token": _paradigm("next-token diffusion", "teacher_forcing", TWO),
    "regression": _paradigm("next-token regression", "regression", {**TWO, "planner.steps": 1}),
    "full": _paradigm("full-sequence diffusion, causal", "shared", FULL),
    "bidirectional": _paradigm(
        "full-sequence diffusion, bidirectional",
        "shared",
        {**FULL, "net.attention": "bidirectional"},
    ),
}
STEPS = 5
"""Denoising steps per token of every paradigm but regression, which has one."""
BY_TOKEN = {"matrix": "autoregressive", "history": WINDOW // 2, "horizon": 1, "steps": STEPS}
BY_WINDOW = {"matrix": "full_sequence", "history": 1, "horizon": 0, "steps": STEPS}
STABLE = 0.01
"""Level that Diffusion Forcing's history is declared to have."""
ROLLOUTS = {
    "forcing": Rollout("**Diffusion Forcing**", "forcing", {**BY_TOKEN, "history_level": STABLE}),
    "forcing-clean": Rollout("the same network, history declared clean", "forcing", BY_TOKEN),
    "next-token": Rollout("next-token diffusion", "next-token", BY_TOKEN),
    "regression": Rollout("next-token regression", "regression", {**BY_TOKEN, "steps": 1}),
    "full": Rollout("full sequence, causal, window after window", "full", BY_WINDOW),
    "bidirectional": Rollout(
        "full sequence, bidirectional, window after window", "bidirectional", BY_WINDOW
    ),
}


@dataclasses.dataclass(frozen=True)
class Study:
    """The experiment, whole or in part.

    Attributes:
        paradigms: names of those that are trained and rolled out.
        seeds: of training.
        runs: folder of the trained runs. results: folder of the measurements.
        pages: folder of table.md, the figures and the README that is filled in.
        evaluation: seeds of the episodes; the held-out data is collected with the first.
        rollouts: trajectories that are continued with each network.
        lengths: of the rollouts in windows, rising.
        settings: of training, instead of those of the paradigms.
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

    def rehearsal(self, folder: Path, episodes: int) -> "Study":
        """The same on a few tuning seeds, with all results and pages in `folder`."""
        return dataclasses.replace(
            self,
            results=folder,
            pages=folder / "pages",
            evaluation=TUNING[:episodes],
            rollouts=episodes,
        )

    def run(self, name: str, seed: int) -> Path:
        """A trained run."""
        return self.runs / f"{name}-{seed}"

    def result(self, stage: str, name: str, seed: int) -> Path:
        """Where a measurement lies."""
        return self.results / stage / f"{name}-{seed}.json"

    def states(self, name: str, seed: int) -> Path:
        """Where the states of a run's rollouts lie."""
        return self.results / "rollouts" / f"{name}-{seed}.npz"

    @property
    def held_out(self) -> str:
        """Minari id of the data whose trajectories are continued."""
        return dataset(self.evaluation.start)


def dataset(seed: int) -> str:
    """Minari id of the data collected with a seed, without goals."""
    return f"paradigms/medium-{seed}-v0"
