"""Evaluate trained runs by OGBench's protocol."""

from typing import Any

import numpy as np

from dfplan.tasks.registry import Task
from experiments.common.protocol_episodes import evaluate, play, score
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained
from experiments.ogbench.ant_pose import overturned

POINT_DIM = 2
"""Length of the point's state."""


def evaluate_study(study: TaskStudy) -> None:
    """Evaluate every run of the study; measured ones are skipped."""
    evaluate(study, evaluate_run)


def evaluate_run(trained: Trained, task: Task, seeds: range) -> dict[str, Any]:
    """Return the scores of a trained run, per task of the maze and overall.

    For the ant, also whether it lay on its back at the end of each episode.
    """
    episodes = play(trained.agent(), task, seeds)
    scores = score(episodes, task)
    if episodes.states.shape[2] > POINT_DIM:
        last_state = episodes.states[np.arange(len(seeds)), episodes.length]
        scores["per_episode"]["overturned"] = overturned(last_state).tolist()
    return scores
