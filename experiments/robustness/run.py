"""Run the experiment: python -m experiments.robustness.run [STAGE ...]."""

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.common.stages import run_stages, stage_parser
from experiments.robustness.conditions import CONDITIONS
from experiments.robustness.measure import measure
from experiments.robustness.study import MAZES, Study
from experiments.robustness.table import write_table

STAGES = ("measure", "table")


def main(argv: Sequence[str] | None = None) -> int:
    """Run stages; finished measurements are skipped."""
    args = _parser().parse_args(argv)
    study = Study(tuple(args.mazes), tuple(args.seeds), args.runs)
    if args.dry_run:
        study = study.dry_run(args.dry_run, args.episodes)
    stages = {
        "measure": functools.partial(measure, study, args.only),
        "table": functools.partial(write_table, study),
    }
    return run_stages("robustness", stages, args.stages)


def _parser() -> argparse.ArgumentParser:
    parser = stage_parser("robustness", STAGES, "The planner under noise, dropouts and pushes.")
    parser.add_argument(
        "--mazes", nargs="+", choices=MAZES, default=MAZES, metavar="MAZE", help="mazes to run on"
    )
    parser.add_argument(
        "--runs", type=Path, default=Study.runs, help="folder of the Maze2D comparison's runs"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=CONDITIONS,
        default=(),
        metavar="CONDITION",
        help="conditions to measure; default: all",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
