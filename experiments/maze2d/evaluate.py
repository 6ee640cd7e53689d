"""Evaluate a trained run as `dfplan eval` does, and keep every episode's values."""

import dataclasses
import functools
import hashlib
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.common import console
from dfplan.cli.latest import latest_step
from dfplan.cli.progress import step_bar
from dfplan.data.make_env import make_env
from dfplan.evaluate import BatchAgent, Episodes, interval, measure, plan_latency, run_episodes
from dfplan.perturb import Perturb, perturbed
from dfplan.run import Run, checkpoints, load_weights
from dfplan.tasks import Task
from dfplan.types import UserError
from experiments.maze2d import records
from experiments.maze2d.environment import environment, first_observations
from experiments.maze2d.study import Study, task

LATENCY_CALLS = 50


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained run, with settings of its planner changed.

    Attributes:
        run: what its config.json holds, changed.
        directory: where it lies.
    """

    run: Run
    directory: Path

    @classmethod
    def load(
        cls, directory: Path, planner: Mapping[str, Any] | None = None, tracker: str = ""
    ) -> "Trained":
        """Read a run.

        Args:
            directory: of the run.
            planner: planner settings to change.
            tracker: "module:function" instead of the run's own.

        Raises:
            UserError: when it is missing, damaged or not trained to its end.
        """
        run = Run.load(directory).with_planner(planner or {})
        if tracker:
            run = dataclasses.replace(run, task=dataclasses.replace(run.task, tracker=tracker))
        if not is_trained(directory):
            raise UserError(f"{directory} is not trained to its end; run the stage train first")
        return cls(run, directory)

    def agent(self, **planner: Any) -> Agent:
        """Its agent, with more settings of the planner changed."""
        run = self.run.with_planner(planner)
        return Agent.of(run, load_weights(run, self.directory))

    def asked(self, where: Task, seeds: range) -> dict[str, Any]:
        """All that the result of an evaluation depends on, but for the code."""
        contents = checkpoints(self.directory) / str(latest_step(self.directory)) / "contents.json"
        return {
            "task": where.name,
            "seeds": [seeds.start, seeds.stop],
            "weights": hashlib.sha256(contents.read_bytes()).hexdigest()[:16],
            "tracker": self.run.task.tracker,
            "planner": dataclasses.asdict(self.run.config.planner),
        }


def is_trained(directory: Path) -> bool:
    """Whether a run is there and at its last step."""
    if not (directory / "config.json").is_file():
        return False
    return latest_step(directory) == Run.load(directory).config.training.steps


def evaluate(study: Study) -> None:
    """Evaluate every trained run of the study on both kinds of goal."""
    for maze, seed, goal in itertools.product(study.mazes, study.seeds, study.goals):
        trained, where = Trained.load(study.run(maze, seed)), task(maze, goal)
        answer(
            study.result(maze, seed, goal),
            trained.asked(where, study.evaluation),
            functools.partial(evaluate_run, trained, where, study.evaluation),
        )


def answer(path: Path, asked: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> None:
    """Measure and write what a file does not hold yet."""
    if records.is_done(path, asked):
        console.print(f"{path}: done before")
        return
    console.print(f"{path}: measuring")
    begin = time.perf_counter()
    record = measure()
    records.write(path, {"asked": asked, **record, "seconds": time.perf_counter() - begin})


def evaluate_run(trained: Trained, where: Task, seeds: range) -> dict[str, Any]:
    """The metrics of a trained run, and the latency of its plans."""
    agent = trained.agent()
    record = summary(drive(agent, where, seeds), where)
    observations = first_observations(where, seeds[:10])
    record["metrics"]["latency_ms"] = plan_latency(agent, observations, LATENCY_CALLS)
    return {"checkpoint": str(trained.directory), **record}


def drive(
    agent: BatchAgent, where: Task, seeds: range, perturbations: Sequence[Perturb] = ()
) -> Episodes:
    """One episode per seed, side by side, with the environment perturbed or not."""
    with step_bar(f"{where.name}, {len(seeds)} episodes", environment(where).steps) as advance:
        return run_episodes(
            agent,
            lambda: perturbed(make_env(where.env, where.env_kwargs), perturbations),
            np.asarray(seeds),
            state=lambda observation: observation["observation"],
            goal=lambda observation: observation["desired_goal"],
            progress=advance,
        )


def summary(episodes: Episodes, where: Task) -> dict[str, Any]:
    """Metrics of episodes: their intervals, and the values of each one."""
    values = measure(episodes, where.score)
    return {
        "episodes": len(episodes.seeds),
        "metrics": {name: interval(array) for name, array in values.items()},
        "per_episode": {k: v.tolist() for k, v in values.items() if v is not None},
    }
