"""A study of several tasks: one run per task and training seed, and the files of its results."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dfplan.tasks.registry import Task, get_task
from experiments.common.protocol import TRAINING_SEEDS
from experiments.common.trained import Trained, check_settings

PLANNER = "planner."
"""Prefix of the settings that can be changed after training."""


@dataclasses.dataclass(frozen=True)
class TaskStudy:
    """A study, whole or in part.

    Attributes:
        names: Short names of the tasks, such as pointmaze-giant-stitch.
        runs: Folder of the trained runs.
        pages: Folder of the README.
        results: Folder of the measurements, one JSON file each.
        evaluation: Episode seeds.
        tuning: First of the episode seeds that settings were chosen on.
        prefix: Prefix that turns a short name into the task's name, such as "ogbench-".
        starts: Number of start and goal pairs of a task, which are evaluated in turn.
        seeds: Training seeds.
    """

    names: tuple[str, ...]
    runs: Path
    pages: Path
    results: Path
    evaluation: range
    tuning: int
    prefix: str = ""
    starts: int = 1
    seeds: tuple[int, ...] = TRAINING_SEEDS

    def dry_run(self, folder: Path, episodes: int) -> "TaskStudy":
        """Return the same study on a few tuning seeds, with all output in `folder`.

        Args:
            folder: Folder of the results and pages.
            episodes: Number of episodes for each start and goal pair.
        """
        seeds = range(self.tuning, self.tuning + self.starts * episodes)
        return dataclasses.replace(self, results=folder, pages=folder / "pages", evaluation=seeds)

    def cases(self) -> Iterator[tuple[str, int]]:
        """Yield the short name and training seed of every run."""
        return itertools.product(self.names, self.seeds)

    def task(self, name: str) -> Task:
        """Return the task of a short name."""
        return get_task(self.prefix + name)

    def run(self, name: str, seed: int) -> Path:
        """Return the directory of a run."""
        return self.runs / f"{name}-{seed}"

    def result(self, name: str, seed: int, kind: str = "") -> Path:
        """Return the file of a run's measurements.

        Args:
            name: Short name of the task.
            seed: Training seed.
            kind: Method or kind of measurement, such as "latency"; empty for the evaluation.
        """
        return self.results / kind / f"{name}-{seed}.json"

    def load(self, name: str, seed: int) -> Trained:
        """Return a trained run with the planner settings of its task's current preset.

        Raises:
            UserError: If it was trained with settings other than those of the preset.
        """
        task = self.task(name)
        trained = Trained.load(self.run(name, seed), planner_settings(task))
        check_settings(trained, task.preset)
        return trained


def planner_settings(task: Task) -> dict[str, Any]:
    """Return the planner settings of a task's preset."""
    return {k.removeprefix(PLANNER): v for k, v in task.preset.items() if k.startswith(PLANNER)}
