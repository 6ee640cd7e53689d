"""Play the same episodes in MuJoCo and compiled: python -m experiments.closed_loop.run."""

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np

from dfplan.cli.common import console
from dfplan.evaluation.bootstrap import interval
from dfplan.evaluation.episodes import Episodes
from dfplan.evaluation.metrics import measure
from dfplan.util.compilation_cache import enable_compilation_cache
from experiments.closed_loop.episodes import MazePlayer
from experiments.common.markdown import cell, table
from experiments.common.protocol import MAZES

SEED = 36_000
BACKENDS = ("MuJoCo", "compiled")
COLUMNS = ("maze", "episodes", "played in", "score", "reach rate", "first reach", "steps/s")
PAIRED_COLUMNS = ("maze", "episodes", "same first reach", "largest difference", "score, change")


def main(argv: Sequence[str] | None = None) -> int:
    """Play the episodes in each backend, and print metrics and speeds."""
    parser = argparse.ArgumentParser(prog="python -m experiments.closed_loop.run")
    parser.add_argument("--mazes", nargs="+", default=MAZES, choices=MAZES)
    parser.add_argument(
        "--episodes", nargs="+", type=int, default=[1, 16, 100], help="episodes played at once"
    )
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the first episode")
    parser.add_argument("--only", choices=BACKENDS, help="play in this backend only")
    args = parser.parse_args(argv)
    enable_compilation_cache()
    rows = []
    pairs = []
    for name in args.mazes:
        player = MazePlayer.load(name)
        for count in args.episodes:
            seeds = args.seed + np.arange(count)
            backends = [args.only] if args.only else BACKENDS
            results = {backend: Result(player, backend, seeds) for backend in backends}
            rows += [(name, str(count), backend, *r.cells()) for backend, r in results.items()]
            if not args.only:
                pairs.append((name, str(count), *paired_cells(*results.values())))
    console.print(table(COLUMNS, rows, (0, 2)))
    if pairs:
        console.print("", table(PAIRED_COLUMNS, pairs), sep="\n")
    return 0


class Result:
    """Metrics and speed of episodes in one backend, played after a pass to compile.

    In MuJoCo the first pass plays one episode only, as more need no other program.

    Args:
        player: Maze and planner.
        backend: Element of `BACKENDS`.
        seeds: Episode seeds.
    """

    def __init__(self, player: MazePlayer, backend: str, seeds: np.ndarray):
        if backend == "MuJoCo":
            play = player.play_mujoco
            play(seeds[:1])
        else:
            play = player.play_compiled
            play(seeds)
        episodes, seconds = timed(play, seeds)
        self.rate = len(seeds) * player.length / seconds
        self.metrics = measure(episodes, player.run.task.score)

    def __getitem__(self, name: str) -> np.ndarray:
        values = self.metrics[name]
        assert values is not None
        return values

    def cells(self) -> tuple[str, ...]:
        """Return score, reach rate and first reach with intervals, and steps per second."""
        score = cell(interval(self["normalized_score"]))
        reach = cell(interval(self["first_reach"]))
        return score, f"{self['reach_rate'].mean():.2f}", reach, f"{self.rate:,.0f}"


def timed(play: Callable[[np.ndarray], Episodes], seeds: np.ndarray) -> tuple[Episodes, float]:
    """Play the episodes of the seeds, and return them and the seconds taken."""
    begin = time.perf_counter()
    episodes = play(seeds)
    return episodes, time.perf_counter() - begin


def paired_cells(first: Result, second: Result) -> tuple[str, ...]:
    """Return how the same episodes differ between two backends."""
    difference = np.abs(second["first_reach"] - first["first_reach"])
    change = second["normalized_score"] - first["normalized_score"]
    return (
        f"{(difference == 0).mean():.3f}",
        f"{difference.max():.0f} steps",
        f"{change.mean():+.3f}",
    )


if __name__ == "__main__":
    raise SystemExit(main())
