"""Count how often the ant turns over: python -m experiments.ogbench.overturned TASK.

An ant on its back stays there. The number of steps before that, compared between the data and
low-level controllers, shows whether a controller is to blame. The distance to walls shows whether
ants turn over mostly near them.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from dfplan.cli.common import console
from dfplan.data.minari_io import load_trajectories
from dfplan.tasks.make_env import make_env
from dfplan.tasks.registry import Task
from dfplan.types import UserError
from dfplan.util.compilation_cache import enable_compilation_cache
from dfplan_envs.ogbench.cells import MazeCells
from experiments.common.markdown import table
from experiments.common.protocol_episodes import play, score
from experiments.common.stages import USAGE
from experiments.common.trained import Trained
from experiments.ogbench.ant_pose import overturned
from experiments.ogbench.study import STUDY

COLUMNS = (
    "driven by",
    "success, %",
    "episodes",
    "overturned",
    "upright steps per overturned ant",
    "steps near a wall, %",
    "overturned near a wall",
)
NEAR = 1.2
"""Distance from the ant's center to a wall that its legs reach, in meters."""
LAST_STEPS = 10
"""Control steps before an ant turns over in which it may have been near a wall."""
POSITION = slice(0, 2)
NAMES = [name for name in STUDY.names if name.startswith("antmaze")]


class Tally(NamedTuple):
    """Number of overturned ants in several episodes, and of steps before.

    Attributes:
        episodes: Number of episodes.
        overturned: Number of episodes in which the ant turns over.
        upright: Control steps of all episodes before the ant turns over.
        near: Those of `upright` that are near a wall.
        overturned_near: Episodes in which the ant turns over, and was near a wall just before.
    """

    episodes: int
    overturned: int
    upright: int
    near: int
    overturned_near: int

    @classmethod
    def of(cls, episodes: Iterable[Float[np.ndarray, "L S"]], maze: MazeCells) -> "Tally":
        """Count over the states of each episode."""
        counts = [_count_episode(states, maze) for states in episodes]
        return cls(len(counts), *map(int, np.sum(counts, axis=0)))

    def cells(self) -> tuple[str, ...]:
        """Return the last cells of a row of the table."""
        steps = f"{self.upright / self.overturned:,.0f}" if self.overturned else "–"
        near = f"{100 * self.near / self.upright:.0f}"
        return str(self.episodes), str(self.overturned), steps, near, str(self.overturned_near)


def _count_episode(states: Float[np.ndarray, "L S"], maze: MazeCells) -> tuple[int, int, int, int]:
    """Return the counts of `Tally` for one episode, without the number of episodes."""
    is_over = overturned(states)
    falls = bool(is_over.any())
    upright = int(is_over.argmax()) if falls else len(states) - 1
    is_near = maze.wall_distance(states[:upright, POSITION]) < NEAR
    return falls, upright, int(is_near.sum()), falls and bool(is_near[-LAST_STEPS:].any())


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table of the counts in a task's data and in episodes with each controller."""
    parser = argparse.ArgumentParser(prog="python -m experiments.ogbench.overturned")
    parser.add_argument("task", metavar="TASK", choices=NAMES, help=", ".join(NAMES))
    parser.add_argument("--seed", type=int, default=0, help="training seed")
    parser.add_argument(
        "--controllers", nargs="*", help="low-level controllers (default: the run's own)"
    )
    parser.add_argument("--episodes", type=int, default=150)
    parser.add_argument("--first-seed", type=int, default=STUDY.tuning)
    args = parser.parse_args(argv)
    if args.episodes < 1:
        parser.error(f"--episodes is {args.episodes}; needed: at least 1")
    seeds = range(args.first_seed, args.first_seed + args.episodes)
    enable_compilation_cache()
    try:
        rows = count(args.task, args.seed, args.controllers, seeds)
    except UserError as error:
        print(f"overturned: error: {error}", file=sys.stderr)
        return USAGE
    console.print(table(COLUMNS, rows))
    return 0


def count(
    name: str, training_seed: int, controllers: Sequence[str] | None, seeds: range
) -> list[tuple[str, ...]]:
    """Return the rows of the table.

    Args:
        name: Short name of the task.
        training_seed: Training seed of the run.
        controllers: Low-level controllers; if empty, the run's own.
        seeds: Episode seeds.

    Raises:
        UserError: If the run is not fully trained, the dataset is missing, or a controller is
            unknown.
    """
    task = STUDY.task(name)
    trained = STUDY.load(name, training_seed)
    own = trained.run.config.planner.low_level_controller
    maze = maze_of(task)
    rows: list[tuple[str, ...]] = [("the data", "–", *count_data(task, maze).cells())]
    for controller in controllers or [own]:
        rows.append((f"`{controller}`", *count_driven(trained, task, maze, controller, seeds)))
    return rows


def maze_of(task: Task) -> MazeCells:
    """Return the cells of a task's maze."""
    env: Any = make_env(task.env, task.env_kwargs).unwrapped
    return MazeCells(np.asarray(env.maze_map))


def count_data(task: Task, maze: MazeCells) -> Tally:
    """Return the tally of a task's dataset."""
    data = load_trajectories(task.dataset)
    rows = zip(data.start.tolist(), data.length.tolist(), strict=True)
    return Tally.of((data.state[start : start + length] for start, length in rows), maze)


def count_driven(
    trained: Trained, task: Task, maze: MazeCells, controller: str, seeds: range
) -> tuple[str, ...]:
    """Return the success in percent and the tally's cells of episodes with a controller."""
    agent = trained.agent(low_level_controller=controller)
    episodes = play(agent, task, seeds)
    success = score(episodes, task)["per_episode"]["success_rate"]
    rows = zip(episodes.states, episodes.length.tolist(), strict=True)
    tally = Tally.of((states[: length + 1] for states, length in rows), maze)
    return f"{100 * np.mean(success):.1f}", *tally.cells()


if __name__ == "__main__":
    raise SystemExit(main())
