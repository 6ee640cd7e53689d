"""Measure a policy server: python -m experiments.serving.run [STAGE ...]."""

import argparse
import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dfplan.util.compilation_cache import enable_compilation_cache
from experiments.common.stages import run_stages
from experiments.serving.faults import measure_faults
from experiments.serving.load import measure_load
from experiments.serving.restarts import measure_restarts
from experiments.serving.score import measure_score
from experiments.serving.study import Study
from experiments.serving.table import write_table

STAGES: dict[str, Callable[[Study], None]] = {
    "score": measure_score,
    "load": measure_load,
    "faults": measure_faults,
    "restarts": measure_restarts,
    "table": write_table,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run stages; each skips finished work."""
    args = _parser().parse_args(argv)
    study = Study(
        run=args.run,
        robots=tuple(args.robots),
        execute=tuple(args.execute),
        minutes=args.minutes,
        kills=args.kills,
        episodes=args.episodes,
        seed=args.seed,
    )
    if args.dry_run:
        study = study.dry_run(args.dry_run)
    enable_compilation_cache()
    stages = {name: functools.partial(stage, study) for name, stage in STAGES.items()}
    return run_stages("serving", stages, args.stages)


def _parser() -> argparse.ArgumentParser:
    default = Study()
    parser = argparse.ArgumentParser(
        prog="python -m experiments.serving.run",
        description="A policy server under load and under faults. Finished work is skipped.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"one of {', '.join(STAGES)}")
    parser.add_argument("--run", default=default.run, help="run directory or task name")
    parser.add_argument("--robots", type=int, nargs="+", default=default.robots)
    parser.add_argument(
        "--execute", type=int, nargs="+", default=default.execute, help="actions of each chunk"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=default.minutes,
        help="minutes with faults; loads take a tenth",
    )
    parser.add_argument(
        "--kills", type=int, default=default.kills, help="kills of a robot's server"
    )
    parser.add_argument("--episodes", type=int, default=default.episodes)
    parser.add_argument("--seed", type=int, default=default.seed, help="seed of the first episode")
    parser.add_argument("--dry-run", type=Path, metavar="FOLDER", help="write to this folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
