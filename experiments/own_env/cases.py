"""What is measured: an environment, data of a mediocre controller, and what plans are for."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dfplan.tasks import Task
from experiments.own_env import pusher, reacher

REACHER = Task("Reacher-v5", "own/reacher-v0")
PUSHER = Task("Pusher-v5", "own/pusher-v0")
VECTOR = (8, 9)
"""Places of the vector from the target to the fingertip: a goal of (0, 0) is to be there."""
SPEED = (6, 7)


@dataclasses.dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
        task: environment and dataset.
        controller: made the data.
        steps: control steps of the data.
        seeds: of the episodes that are played.
        settings: what differs from the small preset.
        goal: arguments of `train` that name the goal.
    """

    task: Task
    controller: Callable[..., Any]
    steps: int
    seeds: np.ndarray
    settings: Mapping[str, Any]
    goal: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def planner(self) -> dict[str, Any]:
        """The planner's settings among them, also for a run that is trained already."""
        prefix = "planner."
        found = {k: v for k, v in self.settings.items() if k.startswith(prefix)}
        return {k.removeprefix(prefix): v for k, v in found.items()}


SHARED = {"net.width": 64, "training.steps": 1_500}
REWARDED = {**SHARED, "data.goal": "reward", "value.discount": 0.95}

CASES = {
    "reacher": Case(
        REACHER,
        reacher.Controller,
        60 * 50,
        np.arange(11_000, 11_100),
        {
            **SHARED,
            # 48 steps, an episode's length: only plans that see the arrival choose the soonest.
            "data.stride": 3,
            "data.tokens": 17,
            "data.rest_dims": SPEED,
            "planner.candidates": 16,
            "planner.replan_every": 1,
            "planner.goal_tolerance": 0.02,
        },
        {"goal_dims": VECTOR, "goal_value": (0.0, 0.0)},
    ),
    "reacher-reward": Case(
        REACHER,
        reacher.Controller,
        60 * 50,
        np.arange(11_100, 11_200),
        {
            **REWARDED,
            "data.stride": 3,
            "data.tokens": 17,
            "planner.candidates": 16,
            "planner.replan_every": 2,
        },
    ),
    "pusher-reward": Case(
        PUSHER,
        pusher.Controller,
        300 * 100,
        np.arange(12_000, 12_100),
        {
            **REWARDED,
            "data.stride": 4,
            "data.tokens": 13,
            "planner.candidates": 16,
            "planner.replan_every": 4,
        },
    ),
}
