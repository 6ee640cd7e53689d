"""Measure the references that the planner is compared with, on the same episodes."""

import functools
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.evaluation.baselines import PolicyBatch, baselines
from dfplan.evaluation.episodes import Episodes
from dfplan.tasks.make_env import make_env
from dfplan.tasks.registry import Task
from experiments.common.environment import first_observations, load_environment
from experiments.common.episodes import play_episodes, summarize
from experiments.common.records import measure_once
from experiments.maze2d.references.lower_bound import soonest_reach
from experiments.maze2d.references.near_optimal import NearOptimalPolicy
from experiments.maze2d.study import Study, maze_task

NAMES = ("random", "controller", "near_optimal", "bound")


def measure_references(study: Study, names: Sequence[str] = NAMES) -> None:
    """Measure every reference once per maze and kind of goal."""
    for maze, goal, name in itertools.product(study.mazes, study.goals, names):
        path = study.reference(maze, goal, name)
        measure_reference(path, maze_task(maze, goal), name, seeds=study.evaluation)


def measure_reference(path: Path, task: Task, name: str, seeds: range) -> None:
    """Measure a reference and write its record, unless it is already measured."""
    request = {"task": task.name, "seeds": [seeds.start, seeds.stop], "reference": name}
    measure_once(path, request, functools.partial(_measure, task, name, seeds))


def _measure(task: Task, name: str, seeds: range) -> dict[str, Any]:
    if name == "bound":
        return summarize(bound_episodes(task, seeds), task)
    env = make_env(task.env, task.env_kwargs)
    policies = baselines(task, env)
    policies["near_optimal"] = PolicyBatch(_near_optimal(env))
    record = summarize(play_episodes(policies[name], task, seeds), task)
    env.close()
    return record


def _near_optimal(env: Any) -> Callable[[int], NearOptimalPolicy]:
    return lambda seed: NearOptimalPolicy(env, seed=seed)


def bound_episodes(task: Task, seeds: range) -> Episodes:
    """Return episodes that reach their goals as soon as the hard bound allows, and stay there."""
    maze, length = load_environment(task)
    observations = first_observations(task, seeds)
    starts = np.stack([o["observation"] for o in observations])
    goals = np.stack([o["desired_goal"] for o in observations])
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
