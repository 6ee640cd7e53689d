"""Few sampling steps per token, distilled and not: python -m experiments.latency.few."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.cli.common import console
from dfplan.compilation import keep_compiled
from dfplan.find import find_run
from experiments.latency.episodes import MAZES, beside, make_agent, play, replan_times
from experiments.maze2d.evaluate import Trained
from experiments.maze2d.markdown import table
from experiments.maze2d.open_loop import validity
from experiments.maze2d.study import task

SEED = 36_100
DISTILLED = "distilled, "
ROWS: dict[str, dict[str, Any]] = {
    "3 steps": {},
    "2 steps": {"steps": 2},
    "1 step": {"steps": 1},
    "3 steps, temperature 0.5": {"temperature": 0.5},
    "2 steps, temperature 0.5": {"steps": 2, "temperature": 0.5},
    "distilled, 2 steps": {"steps": 2, "solver": "consistency", "temperature": 0.5},
    "distilled, 1 step": {"steps": 1, "temperature": 0.5},
    "distilled, 1 step, 8 candidates": {"steps": 1, "temperature": 0.5, "candidates": 8},
    "distilled, 1 step, 16 candidates": {"steps": 1, "temperature": 0.7, "candidates": 16},
}
COLUMNS = (
    "sampling",
    "valid plans",
    "valid chosen plans",
    "reach rate",
    "first reach",
    "change, %",
    "replanning, CPU ms, p50",
    "p99",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Play the same episodes in every way, and print what differs."""
    parser = argparse.ArgumentParser(prog="python -m experiments.latency.few", description=__doc__)
    parser.add_argument("distilled", type=Path, help="run that was distilled from the maze's own")
    parser.add_argument("--maze", default="large", choices=MAZES)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SEED, help="of the first episode")
    args = parser.parse_args(argv)
    keep_compiled()
    console.print(table(COLUMNS, compare(args.maze, args.distilled, args.seed, args.episodes)))
    return 0


def compare(maze: str, distilled: Path, seed: int, episodes: int) -> list[tuple]:
    """A row of each way to sample, all plans from scratch."""
    seeds, rows, base = seed + np.arange(episodes), [], None
    for name, changed in ROWS.items():
        settings = {"warm": 0.0, **changed}
        run = find_run(distilled if name.startswith(DISTILLED) else f"pointmaze-{maze}").directory
        plans = validity(Trained.load(run, settings), task(maze), range(seed, seed + episodes))
        agent = make_agent(maze, settings, run=run)
        rate, reach = play(agent, maze, seeds)
        base = reach if base is None else base
        p50, p99 = replan_times(agent, maze, seeds)
        shares = [f"{plans[kind]:.2f}" for kind in ("single", "chosen")]
        change = "" if base is reach else beside(reach, base)
        figures = f"{rate.mean():.2f}", f"{reach.mean():.1f}", change, f"{p50:.1f}", f"{p99:.1f}"
        rows.append((name, *shares, *figures))
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
