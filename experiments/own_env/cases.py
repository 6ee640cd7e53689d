"""What is measured: an environment, data of a mediocre controller, and the plans' objective."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dfplan.tasks.registry import Task
from experiments.common import reacher
from experiments.own_env import pusher

REACHER = Task("Reacher-v5", "own/reacher-v0")
PUSHER = Task("Pusher-v5", "own/pusher-v0")
VECTOR = (8, 9)
"""Dimensions of the vector from target to fingertip; the goal (0, 0) puts one on the other."""
SPEED = (6, 7)


@dataclasses.dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
        task: Environment and dataset.
        controller: Controller that collects the data.
        steps: Control steps of the data.
        seeds: Episode seeds.
        settings: Dotted settings that differ from the small preset.
        goal: Arguments of `train` that define the goal.
    """

    task: Task
    controller: Callable[..., Any]
    steps: int
    seeds: np.ndarray
    settings: Mapping[str, Any]
    goal: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def planner(self) -> dict[str, Any]:
        """Planner settings among them, which also apply to a run that is already trained."""
        prefix = "planner."
        return {
            name.removeprefix(prefix): value
            for name, value in self.settings.items()
            if name.startswith(prefix)
        }


SHARED = {"net.width": 64, "training.steps": 1_500}
REWARDED = {**SHARED, "data.goal": "reward", "value.discount": 0.95}

CASES = {
    "reacher": Case(
        task=REACHER,
        controller=reacher.Controller,
        steps=60 * 50,
        seeds=np.arange(11_000, 11_100),
        settings={
            **SHARED,
            # 48 steps, an episode's length: the soonest arrival can only be chosen among plans
            # that include it.
            "data.stride": 3,
            "data.tokens": 17,
            "data.rest_dims": SPEED,
            "planner.candidates": 16,
            "planner.replan_every": 1,
            "planner.goal.tolerance": 0.02,
        },
        goal={"goal_dims": VECTOR, "goal_value": (0.0, 0.0)},
    ),
    "reacher-reward": Case(
        task=REACHER,
        controller=reacher.Controller,
        steps=60 * 50,
        seeds=np.arange(11_100, 11_200),
        settings={
            **REWARDED,
            "data.stride": 3,
            "data.tokens": 17,
            "planner.candidates": 16,
            "planner.replan_every": 2,
        },
    ),
    "pusher-reward": Case(
        task=PUSHER,
        controller=pusher.Controller,
        steps=300 * 100,
        seeds=np.arange(12_000, 12_100),
        settings={
            **REWARDED,
            "data.stride": 4,
            "data.tokens": 13,
            "planner.candidates": 16,
            "planner.replan_every": 4,
        },
    ),
}
