"""Warm starts compared with planning from scratch: python -m experiments.latency.warm."""

import argparse
from collections.abc import Sequence

import numpy as np

from dfplan.cli.common import console
from dfplan.util.compilation_cache import enable_compilation_cache
from experiments.common.markdown import table
from experiments.common.protocol import MAZES
from experiments.latency.episodes import COLUMNS, SEED, make_agent, measure_agents


def main(argv: Sequence[str] | None = None) -> int:
    """Play the same episodes with and without warm starts, and print the differences."""
    parser = argparse.ArgumentParser(prog="python -m experiments.latency.warm", description=__doc__)
    parser.add_argument("--mazes", nargs="+", default=MAZES, choices=MAZES)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the first episode")
    parser.add_argument("--warm", type=float, default=0.8, help="value of planner.warm_start.level")
    args = parser.parse_args(argv)
    enable_compilation_cache()
    seeds = args.seed + np.arange(args.episodes)
    rows = [row for maze in args.mazes for row in compare(maze, seeds, args.warm)]
    console.print(table(("maze", "planning", *COLUMNS), rows))
    return 0


def compare(maze: str, seeds: np.ndarray, warm: float) -> list[tuple[str, ...]]:
    """Return one row for planning from scratch and one for warm starts."""
    agents = (make_agent(maze, {"warm_start.level": level}) for level in (0.0, warm))
    cells = measure_agents(agents, maze, seeds)
    return [(maze, name, *row) for name, row in zip(("from scratch", "warm"), cells, strict=True)]


if __name__ == "__main__":
    raise SystemExit(main())
