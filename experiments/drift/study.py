"""What is measured: robots, paradigms, rollouts and seeds, and the files of runs and results."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dfplan_envs.locomotion.tasks import ENVS
from experiments.common.paradigms import ONE_STREAM, TWO_STREAMS, Paradigm, Rollout
from experiments.common.protocol import TUNING

HERE = Path(__file__).parent
ROBOTS = ("hopper", "walker2d")
"""Robots that can fall."""
WINDOW = 16
"""Tokens per training window, one for each control step of 8 ms."""
WINDOWS = 16
"""Length of a rollout, in training windows."""
STEPS = 300_000
HELD_OUT_STEPS = 100_000
"""Control steps of the datasets."""
EVALUATION = 31_000
"""Seed of the held-out data; fixed before any result was looked at."""
COMMON: dict[str, Any] = {
    "net.width": 64,
    "data.tokens": WINDOW,
    "training.steps": 3_000,
    "training.save_every": 3_000,
}
"""Settings of all paradigms, on top of the default preset."""


def _paradigm(label: str, name: str, settings: Mapping[str, Any]) -> Paradigm:
    return Paradigm(label, {**COMMON, "training.objective.paradigm": name, **settings})


PARADIGMS = {
    "forcing": _paradigm("Diffusion Forcing", "independent", TWO_STREAMS),
    "next-token": _paradigm("next-token diffusion", "teacher_forcing", TWO_STREAMS),
    "regression": _paradigm(
        "next-token regression", "regression", {**TWO_STREAMS, "planner.sampling.steps": 1}
    ),
    "full": _paradigm(
        "full-sequence diffusion",
        "shared",
        {**ONE_STREAM, "net.kind": "bidirectional", "planner.sampling.matrix": "full_sequence"},
    ),
}
DENOISING_STEPS = 5
"""Denoising steps per token of every paradigm except regression, which has one."""
BY_TOKEN = {
    "sampling.matrix": "autoregressive",
    "history.tokens": WINDOW // 2,
    "horizon": 1,
    "sampling.steps": DENOISING_STEPS,
}
BY_WINDOW = {
    "sampling.matrix": "full_sequence",
    "history.tokens": 1,
    "horizon": 0,
    "sampling.steps": DENOISING_STEPS,
}


def _stabilized(level: float) -> Rollout:
    label = f"Diffusion Forcing, history declared at level {level:g}"
    return Rollout(label, "forcing", {**BY_TOKEN, "history.level": level})


ROLLOUTS = {
    "forcing-0": Rollout("Diffusion Forcing, history declared clean", "forcing", BY_TOKEN),
    **{f"forcing-{level:g}": _stabilized(level) for level in (0.02, 0.05, 0.1)},
    "next-token": Rollout("next-token diffusion", "next-token", BY_TOKEN),
    "regression": Rollout("next-token regression", "regression", {**BY_TOKEN, "sampling.steps": 1}),
    "full": Rollout("full-sequence diffusion, window after window", "full", BY_WINDOW),
}


@dataclasses.dataclass(frozen=True)
class Study:
    """The experiment, whole or in part.

    Attributes:
        robots: Robots, from `ROBOTS`.
        paradigms: Names of the paradigms to train and roll out.
        seeds: Training seeds.
        runs: Folder of the trained runs and of the measurements.
        pages: Folder of table.json, the figure and the README.
        held_out_seed: Seed of the held-out data.
        rollouts: Number of trajectories that are continued with each network.
        windows: Length of a rollout, in training windows.
    """

    robots: tuple[str, ...] = ROBOTS
    paradigms: tuple[str, ...] = tuple(PARADIGMS)
    seeds: tuple[int, ...] = (0, 1, 2)
    runs: Path = Path("runs/drift")
    results: Path = Path("runs/drift")
    pages: Path = HERE
    held_out_seed: int = EVALUATION
    rollouts: int = 256
    windows: int = WINDOWS

    def dry_run(self, folder: Path, rollouts: int) -> "Study":
        """Return the same study on tuning data, with few rollouts and all output in `folder`."""
        return dataclasses.replace(
            self,
            results=folder,
            pages=folder / "pages",
            held_out_seed=TUNING.start,
            rollouts=rollouts,
        )

    @property
    def tokens(self) -> int:
        """Tokens of a rollout."""
        return self.windows * WINDOW

    def cases(self) -> Iterator[tuple[str, str, int]]:
        """Yield the robot, the paradigm and the training seed of every run."""
        return itertools.product(self.robots, self.paradigms, self.seeds)

    def run(self, robot: str, paradigm: str, seed: int) -> Path:
        """Return the directory of a trained run."""
        return self.runs / f"{robot}-{paradigm}-{seed}"

    def result(self, robot: str, name: str, seed: int) -> Path:
        """Return the file of a measurement.

        Args:
            robot: Robot.
            name: Name from `ROLLOUTS`, or of the held-out data.
            seed: Training seed.
        """
        return self.results / "rollouts" / f"{robot}-{name}-{seed}.json"

    def held_out(self, robot: str) -> str:
        """Return the Minari id of the data whose trajectories are continued."""
        return dataset(robot, self.held_out_seed)


def dataset(robot: str, seed: int) -> str:
    """Return the Minari id of a robot's data that is collected with a seed."""
    return f"drift/{robot}-{seed}-v0"


def env_id(robot: str) -> str:
    """Return the Gymnasium id of a robot."""
    return ENVS[robot]
