"""Episodes in OGBench's mazes that follow reference plans, to test a low-level controller alone."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from dfplan.control.low_level import LowLevelController
from dfplan.tasks.make_env import make_env
from dfplan.tasks.ogbench import OGBenchProtocol
from dfplan.tasks.registry import Task
from dfplan_envs.ogbench.cells import UNIT, MazeCells
from experiments.ogbench.ant_pose import upward
from experiments.ogbench.reference import route, route_length, tokens_along

LIMIT = 1000
"""Control steps of an episode."""
REPLAN_EVERY = 20
TOKENS = 12
"""Future tokens of a reference plan."""
POINT_STEP = 0.2
"""Meters by which an action of 1 moves the point."""
CONTACT = 0.01
"""Meters between the commanded and the actual motion above which a step counts as wall contact."""


@dataclasses.dataclass
class Robots:
    """Episodes of a task, all at once.

    Attributes:
        envs: Environments, one per episode.
        cells: Cells of the maze.
        states: `[B, S]` present states.
        goals: `[B, 2]` goals, in meters.
        lengths: `[B]` length of the shortest route, in meters.
        mean: `[S]` mean state of the data, for the dimensions that a route leaves open.
    """

    envs: list[Any]
    cells: MazeCells
    states: np.ndarray
    goals: np.ndarray
    lengths: np.ndarray
    mean: np.ndarray

    @classmethod
    def reset(cls, task: Task, mean: np.ndarray, episodes: int, seed: int) -> "Robots":
        """Begin `episodes` episodes of each of the environment's tasks."""
        protocol = OGBenchProtocol()
        envs = []
        states = []
        goals = []
        for number in range(1, protocol.task_count + 1):
            for episode in range(episodes):
                env = protocol.wrap(make_env(task.env, task.env_kwargs))
                state, info = protocol.reset(env, seed + episode, number)
                envs.append(env)
                states.append(state)
                goals.append(info["goal"][:2])
        cells = MazeCells(np.asarray(envs[0].unwrapped.maze_map))
        ends = zip(states, goals, strict=True)
        lengths = np.array([route_length(cells, state[:2], goal) for state, goal in ends])
        return cls(envs, cells, np.stack(states), np.stack(goals), lengths, mean)

    def plans(self, spacing: float) -> np.ndarray:
        """Return reference plans `[B, TOKENS + 1, S]` from the present states.

        Args:
            spacing: Distance of tokens in meters.
        """
        plans = np.tile(self.mean, (len(self.envs), TOKENS + 1, 1))
        for row, (state, goal) in enumerate(zip(self.states, self.goals, strict=True)):
            points = route(self.cells, state[:2], goal)
            plans[row, :, :2] = tokens_along(points, spacing, TOKENS + 1)
        plans[:, 0] = self.states
        return plans.astype(np.float32)


Act = Callable[[Robots, int], np.ndarray]
"""Returns the actions `[B, A]` of all robots at a control step."""


def follow(controller: LowLevelController, spacing: float) -> Act:
    """Return a function that follows reference plans with a controller.

    Args:
        controller: Low-level controller.
        spacing: Distance of tokens in meters.
    """
    plans = np.empty(0)

    def act(robots: Robots, step: int) -> np.ndarray:
        nonlocal plans
        elapsed = step % REPLAN_EVERY
        if elapsed == 0:
            plans = robots.plans(spacing)
        steps = np.full(len(robots.envs), elapsed)
        return controller(plans, None, steps, robots.states.astype(np.float32), robots.goals)

    return act


def drive(robots: Robots, act: Act) -> dict[str, Any]:
    """Play until every episode has ended, and return the metrics of `low_level.METRICS`.

    An episode that does not reach its goal counts `LIMIT` steps.
    """
    tasks = OGBenchProtocol().task_count
    count = len(robots.envs)
    steps = np.full(count, LIMIT)
    success = np.zeros(count, bool)
    overturned = np.zeros(count, bool)
    touched = np.zeros(count)
    active = np.ones(count, bool)
    for step in range(LIMIT):
        actions = np.clip(act(robots, step), -1.0, 1.0)
        for row in np.flatnonzero(active):
            before = robots.states[row].copy()
            after, _, _, _, info = robots.envs[row].step(actions[row])
            robots.states[row] = after
            if len(after) == 2:
                deviation = after - before - POINT_STEP * actions[row]
                touched[row] += np.linalg.norm(deviation) > CONTACT
            else:
                overturned[row] |= upward(after) < 0
            if info["success"]:
                success[row] = True
                active[row] = False
                steps[row] = step + 1
        if not active.any():
            break
    result = {
        "success_rate": float(success.mean()),
        "by_task": success.reshape(tasks, -1).mean(axis=1).tolist(),
        "mean_steps": float(steps.mean()),
        "steps_per_cell": float(np.mean((steps * UNIT / robots.lengths)[success]))
        if success.any()
        else None,
    }
    if robots.states.shape[1] == 2:
        return {**result, "wall_contact": float(touched.sum() / steps.sum())}
    return {**result, "overturned_rate": float(overturned.mean())}
