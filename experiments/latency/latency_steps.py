"""Late plans with and without latency compensation: python -m experiments.latency.latency_steps.

The latency is simulated, so the results are the same on any machine: a plan that is requested at a
control step arrives d steps later, and the robot keeps moving in the meantime.
"""

import argparse
from collections.abc import Sequence

import numpy as np

from dfplan.cli.common import console
from dfplan.control.executor import DelayedExecutor
from dfplan.util.compilation_cache import enable_compilation_cache
from experiments.common.markdown import table
from experiments.common.protocol import MAZES
from experiments.latency.episodes import SEED, make_agent, percent_change, play

COLUMNS = ("latency, steps", "compensated, steps", "reach rate", "first reach", "change, %")


def main(argv: Sequence[str] | None = None) -> int:
    """Play the same episodes at each latency, and print what the latency costs."""
    parser = argparse.ArgumentParser(prog="python -m experiments.latency.latency_steps")
    parser.add_argument("--maze", default="large", choices=MAZES)
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the first episode")
    parser.add_argument("--latencies", type=int, nargs="+", default=(5, 10, 20))
    args = parser.parse_args(argv)
    enable_compilation_cache()
    seeds = args.seed + np.arange(args.episodes)
    baseline = None
    rows = []
    cases = [(0, 0), *((latency, steps) for latency in args.latencies for steps in (0, latency))]
    for latency, compensated in cases:
        settings = {
            "timing.deadline_ms": 0.0 if latency else -1.0,
            "timing.latency_steps": compensated,
        }
        executor = DelayedExecutor(latency) if latency else None
        rate, reach = play(make_agent(args.maze, settings, executor), args.maze, seeds)
        row = (
            str(latency),
            str(compensated),
            f"{rate.mean():.2f}",
            f"{reach.mean():.1f}",
            "" if baseline is None else percent_change(reach, baseline),
        )
        rows.append(row)
        baseline = reach if baseline is None else baseline
        console.print(*row, sep=", ")
    console.print(table(COLUMNS, rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
