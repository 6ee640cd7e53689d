"""What lost episodes end like: they are played again, and described cube by cube."""

import functools
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.evaluation.play import given_goals
from dfplan.tasks.make_env import make_env
from dfplan.tasks.protocols import PROTOCOLS, begin_episode, wrap_env
from dfplan.tasks.registry import Task
from dfplan_envs.ogbench.manipulation.tasks import ARM, CUBE, EFFECTOR, POSITION_SCALE
from experiments.common.records import measure_once, read
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained

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
    """Return the descriptions of the episodes with these numbers."""
    agent = trained.agent()
    protocol: Any = PROTOCOLS.make(task.protocol)
    env = wrap_env(protocol, make_env(task.env, task.env_kwargs))
    per_task = len(seeds) // protocol.task_count
    episodes = []
    for number in lost:
        states, goal, is_success = _replay(
            agent, env, protocol, seeds[number], task=number // per_task + 1
        )
        description = describe(states, goal)
        start = {"seed": seeds[number], "task": number // per_task + 1, "success": is_success}
        episodes.append({**start, "steps": len(states) - 1, "cubes": description})
    env.close()
    return {"episodes": episodes}


def _replay(
    agent: Agent, env: Any, protocol: Any, seed: int, *, task: int
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return the states `[T, S]` of an episode, its goal and whether it ended with success."""
    observation, info = begin_episode(protocol, env, seed, task)
    layout = agent.layout
    goals = given_goals(protocol, [info], state=layout.state, goal_dims=layout.goal_dims)
    assert goals is not None
    agent.reset(seed=[seed])
    states = [layout.state(observation)]
    while True:
        action = agent.act(observation, goals[0])
        observation, _, terminated, truncated, info = env.step(action)
        states.append(layout.state(observation))
        if terminated or truncated:
            return np.array(states), goals[0], bool(info["success"])


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
