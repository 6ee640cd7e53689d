"""Both ways to play the same episodes: python -m experiments.closed_loop.run."""

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np

from dfplan.cli.common import console
from dfplan.compilation import keep_compiled
from dfplan.episodes import Episodes
from dfplan.evaluate import interval, measure
from experiments.closed_loop.episodes import MAZES, Maze
from experiments.maze2d.markdown import cell, table

SEED = 36_000
WAYS = ("MuJoCo", "compiled")
COLUMNS = ("maze", "episodes", "played in", "score", "reach rate", "first reach", "steps/s")
PAIRED = ("maze", "episodes", "first reach the same", "at most apart", "score, change")


def main(argv: Sequence[str] | None = None) -> int:
    """Play, and print what came of it and how fast."""
    parser = argparse.ArgumentParser(prog="python -m experiments.closed_loop.run")
    parser.add_argument("--mazes", nargs="+", default=MAZES, choices=MAZES)
    parser.add_argument("--episodes", nargs="+", type=int, default=[1, 16, 100], help="at once")
    parser.add_argument("--seed", type=int, default=SEED, help="of the first episode")
    parser.add_argument("--only", choices=WAYS, help="leave the other way out")
    args = parser.parse_args(argv)
    keep_compiled()
    rows, pairs = [], []
    for name in args.mazes:
        maze = Maze.load(name)
        for count in args.episodes:
            seeds = args.seed + np.arange(count)
            played = {way: Played(maze, way, seeds) for way in WAYS if args.only in (None, way)}
            rows += [(name, str(count), way, *one.row()) for way, one in played.items()]
            if len(played) == len(WAYS):
                pairs.append((name, str(count), *beside(*played.values())))
    console.print(table(COLUMNS, rows, (0, 2)))
    if pairs:
        console.print("", table(PAIRED, pairs), sep="\n")
    return 0


class Played:
    """Episodes played one way, after a first pass to compile; their metrics, and how fast.

    The first pass is of one episode in MuJoCo, where more need no other program.
    """

    def __init__(self, maze: Maze, way: str, seeds: np.ndarray):
        play = {"MuJoCo": maze.mujoco, "compiled": maze.compiled}[way]
        play(seeds[:1] if way == "MuJoCo" else seeds)
        episodes, seconds = timed(play, seeds)
        self.rate = len(seeds) * maze.length / seconds
        self.metrics = measure(episodes, maze.run.task.score)

    def __getitem__(self, name: str) -> np.ndarray:
        values = self.metrics[name]
        assert values is not None
        return values

    def row(self) -> tuple[str, ...]:
        """Score, reach rate, first reach with an interval, and steps per second."""
        score, reach = (cell(interval(self[name])) for name in ("normalized_score", "first_reach"))
        return score, f"{self['reach_rate'].mean():.2f}", reach, f"{self.rate:,.0f}"


def timed(play: Callable[[np.ndarray], Episodes], seeds: np.ndarray) -> tuple[Episodes, float]:
    """The episodes, and the seconds that they took."""
    begin = time.perf_counter()
    episodes = play(seeds)
    return episodes, time.perf_counter() - begin


def beside(first: Played, second: Played) -> tuple[str, ...]:
    """How the same episodes differ."""
    apart = np.abs(second["first_reach"] - first["first_reach"])
    change = second["normalized_score"] - first["normalized_score"]
    return f"{(apart == 0).mean():.3f}", f"{apart.max():.0f} steps", f"{change.mean():+.3f}"


if __name__ == "__main__":
    raise SystemExit(main())
