"""Plans that come late, with and without a lead: python -m experiments.latency.ahead.

Their latency is simulated, so the figures are the same on any machine: a plan that is asked for at
a control step is there d steps later, and the robot goes on meanwhile.
"""

import argparse
from collections.abc import Sequence

import numpy as np

from dfplan.cli.common import console
from dfplan.compilation import keep_compiled
from dfplan.planner.worker import simulated
from experiments.latency.episodes import MAZES, SEED, beside, make_agent, play
from experiments.maze2d.markdown import table

COLUMNS = ("latency, steps", "lead, steps", "reach rate", "first reach", "change, %")


def main(argv: Sequence[str] | None = None) -> int:
    """Play the same episodes with each latency, and print what it costs."""
    parser = argparse.ArgumentParser(prog="python -m experiments.latency.ahead")
    parser.add_argument("--maze", default="large", choices=MAZES)
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--seed", type=int, default=SEED, help="of the first episode")
    parser.add_argument("--latencies", type=int, nargs="+", default=(5, 10, 20))
    args = parser.parse_args(argv)
    keep_compiled()
    seeds = args.seed + np.arange(args.episodes)
    pairs = [(d, lead) for d in args.latencies for lead in (0, d)]
    base, rows = None, []
    for latency, lead in [(0, 0), *pairs]:
        settings = {"deadline_ms": 0.0 if latency else -1.0, "lead": lead}
        worker = simulated(latency) if latency else None
        rate, reach = play(make_agent(args.maze, settings, worker), args.maze, seeds)
        base = reach if base is None else base
        figures = f"{rate.mean():.2f}", f"{reach.mean():.1f}", beside(reach, base)
        rows.append((str(latency), str(lead), *figures))
        console.print(*rows[-1], sep=", ")
    console.print(table(COLUMNS, rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
