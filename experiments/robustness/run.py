"""Run the experiment: python -m experiments.robustness.run [STAGE ...]."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.robustness.conditions import CONDITIONS
from experiments.robustness.measure import measure
from experiments.robustness.study import MAZES, Study
from experiments.robustness.table import write_table
from experiments.stages import run_stages, stage_parser

STAGES = ("measure", "table")


def main(argv: Sequence[str] | None = None) -> int:
    """Run some stages; what is measured is not measured again."""
    args = _parser().parse_args(argv)
    study = Study(tuple(args.mazes), tuple(args.seeds), args.runs)
    if args.rehearse:
        study = study.rehearsal(args.rehearse, args.episodes)
    stages = {
        "measure": lambda: measure(study, args.only),
        "table": lambda: write_table(study),
    }
    return run_stages("robustness", stages, args.stages)


def _parser() -> argparse.ArgumentParser:
    parser = stage_parser(
        "robustness", STAGES, "The planner under noise, dropouts and pushes.", "both"
    )
    parser.add_argument("--mazes", nargs="+", choices=MAZES, default=MAZES, metavar="MAZE")
    parser.add_argument(
        "--runs", type=Path, default=Study.runs, help="folder of the Maze2D comparison's runs"
    )
    parser.add_argument(
        "--only", nargs="+", choices=CONDITIONS, default=(), metavar="CONDITION", help="to measure"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
