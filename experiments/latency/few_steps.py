"""Few denoising steps per token, distilled or not: python -m experiments.latency.few_steps."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.cli.common import console
from dfplan.runs.resolve import resolve_run
from dfplan.tasks.registry import get_task
from dfplan.util.compilation_cache import enable_compilation_cache
from experiments.common.markdown import table
from experiments.common.open_loop import plan_validity
from experiments.common.protocol import MAZES
from experiments.common.trained import Trained
from experiments.latency.episodes import COLUMNS, make_agent, measure_agents

SEED = 36_100
DISTILLED = "distilled, "
VARIANTS: dict[str, dict[str, Any]] = {
    "3 steps": {},
    "2 steps": {"sampling.steps": 2},
    "1 step": {"sampling.steps": 1},
    "3 steps, temperature 0.5": {"sampling.temperature": 0.5},
    "2 steps, temperature 0.5": {"sampling.steps": 2, "sampling.temperature": 0.5},
    "distilled, 2 steps": {
        "sampling.steps": 2,
        "sampling.solver": "consistency",
        "sampling.temperature": 0.5,
    },
    "distilled, 1 step": {"sampling.steps": 1, "sampling.temperature": 0.5},
    "distilled, 1 step, 8 candidates": {
        "sampling.steps": 1,
        "sampling.temperature": 0.5,
        "candidates": 8,
    },
    "distilled, 1 step, 16 candidates": {
        "sampling.steps": 1,
        "sampling.temperature": 0.7,
        "candidates": 16,
    },
}
"""Planner settings of each row; labels that begin with `DISTILLED` use the distilled run."""


def main(argv: Sequence[str] | None = None) -> int:
    """Play the same episodes with each variant, and print the differences."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.latency.few_steps", description=__doc__
    )
    parser.add_argument("distilled", type=Path, help="run distilled from the maze's own")
    parser.add_argument("--maze", default="large", choices=MAZES)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the first episode")
    args = parser.parse_args(argv)
    enable_compilation_cache()
    rows = compare(args.maze, args.distilled, seed=args.seed, episodes=args.episodes)
    header = ("sampling", "valid plans", "valid chosen plans", *COLUMNS)
    console.print(table(header, rows))
    return 0


def compare(maze: str, distilled: Path, seed: int, episodes: int) -> list[tuple[str, ...]]:
    """Return a row for each variant; all plans are sampled from scratch.

    Args:
        maze: Name of the maze.
        distilled: Distilled run.
        seed: Seed of the first episode.
        episodes: Number of episodes.
    """
    seeds = seed + np.arange(episodes)
    task = get_task(f"pointmaze-{maze}")
    variants = []
    for name, changed in VARIANTS.items():
        run = resolve_run(distilled if name.startswith(DISTILLED) else task.name).directory
        variants.append((name, run, {"warm_start.level": 0.0, **changed}))
    agents = (make_agent(maze, settings, run=run) for _, run, settings in variants)
    rows = []
    for (name, run, settings), cells in zip(
        variants, measure_agents(agents, maze, seeds), strict=True
    ):
        validity = plan_validity(Trained.load(run, settings), task, range(seed, seed + episodes))
        rows.append((name, f"{validity['single']:.2f}", f"{validity['chosen']:.2f}", *cells))
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
