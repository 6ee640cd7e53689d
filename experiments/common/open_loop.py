"""Open loop: how many single plans could be driven as they are."""

from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.evaluate import stack
from dfplan.tasks import Task
from dfplan_envs.pointmaze.maps import Maze
from experiments.maze2d.environment import environment, first_observations
from experiments.maze2d.evaluate import Trained

PLANS = 4
"""Single plans from each start."""
POINTS = 8
"""Points at which the way from one token to the next is looked at."""


def validity(trained: Trained, where: Task, seeds: range) -> dict[str, float]:
    """Shares of plans from the episodes' starts that arrive without entering a wall.

    "single" is of plans that are not chosen among others, `PLANS` from each start; "chosen" of the
    first plan of each episode, as it is driven.
    """
    maze = environment(where).maze.maze
    observation = stack(first_observations(where, seeds))
    single, chosen = trained.agent(candidates=1), trained.agent()
    rounds = [_valid(single, observation, seeds, maze, i) for i in range(PLANS)]
    return {
        "single": float(np.mean(rounds)),
        "chosen": float(np.mean(_valid(chosen, observation, seeds, maze))),
    }


def _valid(agent: Agent, observation: Any, seeds: range, maze: Maze, again: int = 0) -> np.ndarray:
    """Whether the first plan of each episode is valid, `[E]` bool; `again` draws other noise."""
    agent.reset(seed=[seed + again * 2**20 for seed in seeds])
    agent.act(observation)
    plan = agent.plan
    assert plan is not None
    tokens = np.ceil(plan.arrival / agent.planner.model.layout.stride)
    position = np.asarray(plan.states)[..., list(agent.layout.goal_dims)]
    return agent.arrives() & stays_free(position, tokens, maze)


def stays_free(position: np.ndarray, tokens: np.ndarray, maze: Maze) -> np.ndarray:
    """Whether the straight lines between planned positions never lie in a wall, `[E]` bool.

    Args:
        position: `[E, P+1, 2]` in metres, the present first.
        tokens: `[E]` tokens up to arrival; what is planned after that does not matter.
        maze: the map.
    """
    share = np.arange(POINTS + 1)[:, None] / POINTS
    begin, end = (np.expand_dims(p, 2) for p in (position[:, :-1], position[:, 1:]))
    free = is_free(begin + share * (end - begin), maze).all(axis=-1)
    before = np.arange(position.shape[1] - 1) < tokens[:, None]
    return (free | ~before).all(axis=1)


def is_free(points: np.ndarray, maze: Maze) -> np.ndarray:
    """Whether each point `[..., 2]` in metres lies in a free cell of the map."""
    open_cells = np.array([[c != "#" for c in line] for line in maze.rows])
    rows, columns = len(maze.rows), len(maze.rows[0])
    row = np.floor(rows / 2 - points[..., 1]).astype(int)
    column = np.floor(points[..., 0] + columns / 2).astype(int)
    on_map = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    return on_map & open_cells[row.clip(0, rows - 1), column.clip(0, columns - 1)]
