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
BY_TOKEN = {"sampling.matrix": "autoregressive", "history.tokens": WINDOW // 2, "horizon": 1}
BY_WINDOW = {"sampling.matrix": "full_sequence", "history.tokens": 1, "horizon": 0}
LEVEL = 0.05
"""Noise level that Diffusion Forcing's history is declared to have, chosen on tuning data."""
OTHER_LEVELS = (0.02, 0.1)
"""Levels that are measured with two denoising steps only."""


def _forcing(level: float, steps: int) -> Rollout:
    label = f"Diffusion Forcing, history declared {f'at {level:g}' if level else 'clean'}"
    settings = {**BY_TOKEN, "history.level": level, "sampling.steps": steps}
    return Rollout(label, "forcing", settings)


def _others(steps: int) -> dict[str, Rollout]:
    by_token = {**BY_TOKEN, "sampling.steps": steps}
    by_window = {**BY_WINDOW, "sampling.steps": steps}
    return {
        f"next-token-{steps}": Rollout("next-token diffusion", "next-token", by_token),
        f"full-{steps}": Rollout("full-sequence diffusion", "full", by_window),
    }


ROLLOUTS: dict[str, Rollout] = {
    **{f"forcing-{LEVEL}-{k}": _forcing(LEVEL, k) for k in (5, 2, 1)},
    **{f"forcing-0-{k}": _forcing(0.0, k) for k in (5, 2, 1)},
    **{f"forcing-{level:g}-2": _forcing(level, 2) for level in OTHER_LEVELS},
    **_others(5),
    **_others(2),
    **_others(1),
    "regression-1": Rollout(
        "next-token regression", "regression", {**BY_TOKEN, "sampling.steps": 1}
    ),
}
"""Ways to roll out; the number at the end of a name is that of denoising steps per token."""


@dataclasses.dataclass(frozen=True)
class Study:
    """The experiment, whole or in part.

    Attributes:
        robots: Robots, from `ROBOTS`.
        paradigms: Names of the paradigms to train and roll out.
        seeds: Training seeds.
        runs: Folder of the trained runs.
        results: Folder of the measurements.
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
    rollouts: int = 128
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
