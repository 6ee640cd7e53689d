"""Describe how the ant walks in a collected dataset: python -m experiments.walker.describe."""

import argparse
from collections.abc import Sequence

import gymnasium
import numpy as np

from dfplan.cli.common import console
from dfplan.data.minari_io import load_trajectories
from dfplan.tasks.registry import get_task
from dfplan_envs.ogbench.cells import MazeCells
from experiments.common.markdown import table

TASK = "ogbench-antmaze-large-navigate"
QUANTILES = (0.05, 0.5, 0.95)


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m experiments.walker.describe")
    parser.add_argument(
        "task", nargs="?", default=TASK, help="task of an ant; default: %(default)s"
    )
    task = get_task(parser.parse_args(argv).task)
    data = load_trajectories(task.dataset, goal_dims=(0, 1))
    env = gymnasium.make(task.env)
    cells = MazeCells(np.asarray(env.unwrapped.maze_map))  # pyright: ignore[reportAttributeAccessIssue]
    env.close()
    ends = np.cumsum(data.length)[:-1]
    console.print(table(["", task.dataset], describe(cells, np.split(data.state, ends))))
    return 0


def describe(cells: MazeCells, episodes: Sequence[np.ndarray]) -> list[list[str]]:
    """Return rows of name and value about episodes of states `[L, 29]`."""
    visits = [cells.locate(states[:, :2]) for states in episodes]
    crossings = np.concatenate([_steps_per_visit(visited) for visited in visits])
    low, median, high = np.quantile(crossings, QUANTILES)
    overturned = [upward(states) < 0 for states in episodes]
    distinct = np.mean([len(np.unique(visited)) for visited in visits])
    return [
        ["episodes", f"{len(episodes)}"],
        [
            "cells that an episode visits, of those of the maze",
            f"{distinct:.1f}, {len(cells.free)}",
        ],
        ["control steps per crossing of a cell, median", f"{median:.0f}"],
        ["5 % and 95 % quantiles", f"{low:.0f}, {high:.0f}"],
        [
            "episodes in which the ant turns over, %",
            f"{100 * np.mean([o.any() for o in overturned]):.1f}",
        ],
        ["steps on its back, %", f"{100 * np.concatenate(overturned).mean():.1f}"],
    ]


def _steps_per_visit(visited: np.ndarray) -> np.ndarray:
    """Return the control steps of each visit to a cell, but the first and the last visit."""
    changes = np.flatnonzero(np.diff(visited))
    return np.diff(changes)


def upward(states: np.ndarray) -> np.ndarray:
    """Return the vertical part of the torso's axis, `[L]`: 1 upright, -1 on its back."""
    x, y = states[:, 4:6].T
    return 1 - 2 * (x**2 + y**2) / (states[:, 3:7] ** 2).sum(axis=-1)


if __name__ == "__main__":
    raise SystemExit(main())
