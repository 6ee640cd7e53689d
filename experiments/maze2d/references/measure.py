"""References: what the planner is compared with, on the same episodes."""

import functools
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.make_env import make_env
from dfplan.evaluate import Episodes
from dfplan.references import PolicyBatch, references
from dfplan.tasks import Task
from experiments.maze2d.bound import NearOptimalPolicy
from experiments.maze2d.environment import environment, first_observations
from experiments.maze2d.evaluate import answer, drive, summary
from experiments.maze2d.limit import soonest_reach
from experiments.maze2d.study import Study, task

NAMES = ("random", "controller", "near_optimal", "bound")


def measure_references(study: Study, names: Sequence[str] = NAMES) -> None:
    """Measure every reference once per maze and kind of goal."""
    for maze, goal, name in itertools.product(study.mazes, study.goals, names):
        ask(study.reference(maze, goal, name), task(maze, goal), name, study.evaluation)


def ask(path: Path, where: Task, name: str, seeds: range) -> None:
    """Measure a reference and write what was found, unless that is there."""
    asked = {"task": where.name, "seeds": [seeds.start, seeds.stop], "reference": name}
    answer(path, asked, functools.partial(_measure, where, name, seeds))


def _measure(where: Task, name: str, seeds: range) -> dict[str, Any]:
    if name == "bound":
        return summary(bound_episodes(where, seeds), where)
    env = make_env(where.env, where.env_kwargs)
    policies = references(where, env)
    policies["near_optimal"] = PolicyBatch(_near_optimal(env))
    record = summary(drive(policies[name], where, seeds), where)
    env.close()
    return record


def _near_optimal(env: Any) -> Callable[[int], NearOptimalPolicy]:
    return lambda seed: NearOptimalPolicy(env, seed=seed)


def bound_episodes(where: Task, seeds: range) -> Episodes:
    """Episodes that reach their goals as soon as the hard bound allows, and stay there."""
    maze, length = environment(where)
    first = first_observations(where, seeds)
    starts = np.stack([o["observation"] for o in first])
    goals = np.stack([o["desired_goal"] for o in first])
    reach = soonest_reach(maze, starts, goals)
    success = np.arange(length + 1) >= reach[:, None]
    return Episodes(
        seeds=np.asarray(seeds),
        reward=success[:, 1:].astype(float),
        success=success,
        length=np.full(len(seeds), length),
        states=np.repeat(starts[:, None], length + 1, axis=1),
        goals=goals,
    )
