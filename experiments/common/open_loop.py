"""Open-loop validity: the share of single plans that could be executed as they are."""

from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.evaluation.play import stack
from dfplan.tasks.registry import Task
from dfplan_envs.pointmaze.maps import Maze
from experiments.common.environment import first_observations, load_environment
from experiments.common.trained import Trained

PLANS = 4
"""Single plans from each start."""
POINTS = 8
"""Points per token at which the path to the next token is checked."""


def plan_validity(trained: Trained, task: Task, seeds: range) -> dict[str, float]:
    """Return the shares of plans from the episodes' starts that arrive without entering a wall.

    "single" counts plans that are sampled without choosing among candidates, `PLANS` from each
    start; "chosen" counts the first plan that each episode follows.
    """
    maze = load_environment(task).maze.maze
    observation = stack(first_observations(task, seeds))
    single = trained.agent(candidates=1)
    chosen = trained.agent()
    rounds = [_are_valid(single, observation, seeds, maze=maze, draw=i) for i in range(PLANS)]
    return {
        "single": float(np.mean(rounds)),
        "chosen": float(np.mean(_are_valid(chosen, observation, seeds, maze=maze))),
    }


def _are_valid(
    agent: Agent, observation: Any, seeds: range, maze: Maze, draw: int = 0
) -> np.ndarray:
    """Return whether the first plan of each episode is valid, `[E]` bool; `draw` varies noise."""
    agent.reset(seed=[seed + draw * 2**20 for seed in seeds])
    agent.act(observation)
    plan = agent.plan
    assert plan is not None
    tokens = np.ceil(plan.arrival / agent.planner.model.layout.stride)
    position = np.asarray(plan.states)[..., list(agent.layout.goal_dims)]
    return agent.arrives() & stays_free(position, tokens, maze)


def stays_free(position: np.ndarray, tokens: np.ndarray, maze: Maze) -> np.ndarray:
    """Return whether straight lines between planned positions stay out of walls, `[E]` bool.

    Args:
        position: `[E, P+1, 2]` positions in meters, the present first.
        tokens: `[E]` number of tokens up to arrival; later ones are ignored.
        maze: Map of the maze.
    """
    share = np.arange(POINTS + 1)[:, None] / POINTS
    begin, end = (np.expand_dims(p, 2) for p in (position[:, :-1], position[:, 1:]))
    free = is_free(begin + share * (end - begin), maze).all(axis=-1)
    before_arrival = np.arange(position.shape[1] - 1) < tokens[:, None]
    return (free | ~before_arrival).all(axis=1)


def is_free(points: np.ndarray, maze: Maze) -> np.ndarray:
    """Return whether each point `[..., 2]` in meters lies in a free cell of the map."""
    open_cells = np.array([[c != "#" for c in line] for line in maze.rows])
    rows = len(maze.rows)
    columns = len(maze.rows[0])
    row = np.floor(rows / 2 - points[..., 1]).astype(int)
    column = np.floor(points[..., 0] + columns / 2).astype(int)
    on_map = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    return on_map & open_cells[row.clip(0, rows - 1), column.clip(0, columns - 1)]
