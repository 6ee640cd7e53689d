"""How lost episodes end: each one is played again and described cube by cube."""

import functools
import itertools
from typing import Any

import numpy as np

from dfplan.tasks.protocols import PROTOCOLS
from dfplan.tasks.registry import Task
from dfplan_envs.ogbench.manipulation.tasks import ARM, CUBE, EFFECTOR, POSITION_SCALE
from experiments.common.protocol_episodes import play
from experiments.common.records import measure_once, read
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained
from experiments.manipulation.evaluate import NUM_ENVS

REACHED = 0.04
"""OGBench's tolerance in meters."""
LIFTED = 0.01
"""Meters above its lowest place so far at which a cube near the gripper counts as lifted."""
HELD = 0.04
"""Largest distance in meters of a held cube from the gripper."""
LAST = 100
"""Control steps at the end over which motion is measured."""


def describe_losses(study: TaskStudy) -> None:
    """Describe every lost episode of the study's tasks with cubes; skips finished work."""
    for name, seed in study.cases():
        record = read(study.result(name, seed))
        if record is None or not name.startswith("cube"):
            continue
        task = study.task(name)
        trained = study.load(name, seed)
        lost = np.flatnonzero(np.array(record["per_episode"]["success_rate"]) == 0).tolist()
        measure_once(
            study.result(name, seed, "losses"),
            {**trained.request(task, study.evaluation), "lost": lost},
            functools.partial(_describe_all, trained, task, study.evaluation, lost),
        )


def _describe_all(trained: Trained, task: Task, seeds: range, lost: list[int]) -> dict[str, Any]:
    """Return the descriptions of the episodes with these numbers.

    They are played in the batches of the evaluation, as rounding depends on the batch.
    """
    agent = trained.agent()
    assert len(seeds) % NUM_ENVS == 0
    per_task = len(seeds) // PROTOCOLS.make(task.protocol).task_count
    episodes = []
    for batch, numbers in itertools.groupby(lost, lambda number: number // NUM_ENVS):
        played = play(agent, task, seeds, num_envs=NUM_ENVS, batch=batch)
        assert played.success is not None and played.goals is not None
        for number in numbers:
            row = number % NUM_ENVS
            steps = int(played.length[row])
            episodes.append(
                {
                    "seed": int(played.seeds[row]),
                    "task": number // per_task + 1,
                    "success": bool(played.success[row, steps]),
                    "steps": steps,
                    "cubes": describe(played.states[row, : steps + 1], played.goals[row]),
                }
            )
    return {"episodes": episodes}


def describe(states: np.ndarray, goal: np.ndarray) -> list[dict[str, Any]]:
    """Return what happened to each cube.

    Args:
        states: `[T, S]` states of an episode.
        goal: `[G]` goal: the positions of all cubes.
    """
    gripper = states[:, EFFECTOR[:3]] / POSITION_SCALE
    cubes = []
    for number in range(len(goal) // 3):
        first = ARM + CUBE * number
        place = states[:, first : first + 3] / POSITION_SCALE
        off = np.linalg.norm(place - goal[3 * number : 3 * number + 3] / POSITION_SCALE, axis=-1)
        lifts = _lift_steps(place, gripper)
        cubes.append(
            {
                "off_goal_m": float(off[-1]),
                "height_m": float(place[-1, 2]),
                "has_reached": bool((off <= REACHED).any()),
                "lifts": len(lifts),
                "last_lift": lifts[-1] if lifts else None,
                "path_at_end_m": float(
                    np.linalg.norm(np.diff(place[-LAST:], axis=0), axis=-1).sum()
                ),
                "gripper_at_end_m": float(np.linalg.norm(place[-1] - gripper[-1])),
            }
        )
    return cubes


def _lift_steps(place: np.ndarray, gripper: np.ndarray) -> list[int]:
    """Return the control steps at which the gripper lifts a cube.

    Args:
        place: `[T, 3]` positions of the cube in meters.
        gripper: `[T, 3]` positions of the gripper.
    """
    near = np.linalg.norm(place - gripper, axis=-1) <= HELD
    steps = []
    rest = place[0, 2]
    is_up = False
    for step, height in enumerate(place[:, 2]):
        if not is_up and near[step] and height > rest + LIFTED:
            steps.append(step)
            is_up = True
        elif not near[step]:
            is_up = False
            rest = height
    return steps
