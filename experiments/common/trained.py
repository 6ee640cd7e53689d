"""Trained runs, with planner settings changed, as the experiments evaluate them."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dfplan.agent import Agent
from dfplan.cli.runs import latest_step
from dfplan.config import flatten
from dfplan.runs.run import Run, checkpoints, load_weights
from dfplan.tasks.registry import Task
from dfplan.types import UserError


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained run whose planner settings may differ from those on disk.

    Attributes:
        run: Contents of the run's config.json, with the changes applied.
        directory: Directory of the run.
    """

    run: Run
    directory: Path

    @classmethod
    def load(
        cls, directory: Path, planner: Mapping[str, Any] | None = None, tracker: str = ""
    ) -> "Trained":
        """Load a run.

        Args:
            directory: Directory of the run.
            planner: Planner settings to change.
            tracker: Tracker as "module:function"; empty keeps the run's own.

        Raises:
            UserError: If the run is missing, damaged or not fully trained.
        """
        run = Run.load(directory).with_planner(planner or {})
        if tracker:
            run = dataclasses.replace(run, task=dataclasses.replace(run.task, tracker=tracker))
        if not is_trained(directory):
            raise UserError(f"{directory} is not fully trained; run the stage train first")
        return cls(run, directory)

    def agent(self, **planner: Any) -> Agent:
        """Return the run's agent, with further planner settings changed."""
        run = self.run.with_planner(planner)
        return Agent.from_run(run, load_weights(run, self.directory))

    def request(self, task: Task, seeds: range) -> dict[str, Any]:
        """Return everything that the result of an evaluation depends on, except the code."""
        return {
            "task": task.name,
            "seeds": [seeds.start, seeds.stop],
            "weights": self._hash_weights(),
            "tracker": self.run.task.tracker,
            "planner": dataclasses.asdict(self.run.config.planner),
        }

    def _hash_weights(self) -> str:
        """Return a hash of the newest checkpoint and of everything else that the run learned."""
        contents = checkpoints(self.directory) / str(latest_step(self.directory)) / "contents.json"
        digest = hashlib.sha256(contents.read_bytes())
        for path in sorted(self.directory.glob("*.npz")):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]


def is_trained(directory: Path) -> bool:
    """Return whether the directory holds a run at its last training step."""
    if not (directory / "config.json").is_file():
        return False
    return latest_step(directory) == Run.load(directory).config.training.steps


def check_settings(trained: Trained, expected: Mapping[str, Any]) -> None:
    """Check that a run was trained with the settings that its training command has now.

    Args:
        trained: Trained run.
        expected: Settings of the command; planner settings are not compared.

    Raises:
        UserError: If a setting differs.
    """
    settings = flatten(trained.run.config.to_dict())
    for name, value in flatten(trained.run.config.override(expected).to_dict()).items():
        if settings[name] != value and not name.startswith("planner."):
            raise UserError(
                f"{trained.directory} was trained with {name} {settings[name]}, which is {value} "
                "now; move the directory away to train it again"
            )
