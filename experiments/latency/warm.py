"""Warm starts beside planning from scratch: python -m experiments.latency.warm."""

import argparse
from collections.abc import Sequence

import numpy as np

from dfplan.cli.common import console
from dfplan.compilation import keep_compiled
from experiments.latency.episodes import MAZES, SEED, beside, make_agent, play, replan_times
from experiments.maze2d.markdown import table

COLUMNS = (
    "maze",
    "planning",
    "reach rate",
    "first reach",
    "change, %",
    "replanning, CPU ms, p50",
    "p99",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Play the same episodes both ways, and print what differs."""
    parser = argparse.ArgumentParser(prog="python -m experiments.latency.warm", description=__doc__)
    parser.add_argument("--mazes", nargs="+", default=MAZES, choices=MAZES)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SEED, help="of the first episode")
    parser.add_argument("--warm", type=float, default=0.8, help="planner.warm")
    args = parser.parse_args(argv)
    keep_compiled()
    seeds = args.seed + np.arange(args.episodes)
    rows = [row for maze in args.mazes for row in compare(maze, seeds, args.warm)]
    console.print(table(COLUMNS, rows))
    return 0


def compare(maze: str, seeds: np.ndarray, warm: float) -> list[tuple]:
    """A row of planning from scratch, and one of warm starts."""
    rows, base = [], None
    for name, settings in (("from scratch", {"warm": 0.0}), ("warm", {"warm": warm})):
        rate, reach = play(make_agent(maze, settings), maze, seeds)
        base = reach if base is None else base
        p50, p99 = replan_times(make_agent(maze, settings), maze, seeds)
        figures = f"{rate.mean():.2f}", f"{reach.mean():.1f}", beside(reach, base)
        rows.append((maze, name, *figures, f"{p50:.1f}", f"{p99:.1f}"))
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
