"""Evaluate trained runs by OGBench's protocol."""

from typing import Any

from dfplan.tasks.registry import Task
from experiments.common.protocol_episodes import evaluate, play, score
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained

NUM_ENVS = 10
"""Environments at once; each takes seconds to make."""


def evaluate_study(study: TaskStudy) -> None:
    """Evaluate every run of the study; measured ones are skipped."""
    evaluate(study, evaluate_run)


def evaluate_run(trained: Trained, task: Task, seeds: range) -> dict[str, Any]:
    """Return the scores of a trained run, per task of the environment and overall."""
    return score(play(trained.agent(), task, seeds, num_envs=NUM_ENVS), task)
