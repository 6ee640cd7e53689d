"""Run the experiment: python -m experiments.memory.run [STAGE ...]."""

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.common.stages import run_stages, stage_parser
from experiments.memory.measure import measure, train
from experiments.memory.pages import draw_paths, write_tables
from experiments.memory.study import TABLES, Study

STAGES = ("train", "measure", "table", "figure")


def main(argv: Sequence[str] | None = None) -> int:
    """Run stages; finished work is skipped."""
    args = _parser().parse_args(argv)
    study = Study(tuple(args.seeds), args.out)
    if args.dry_run:
        study = study.dry_run(args.dry_run, args.episodes)
    stages = {
        "train": functools.partial(train, study),
        "measure": functools.partial(measure, study, args.only),
        "table": functools.partial(write_tables, study, args.only),
        "figure": functools.partial(draw_paths, study),
    }
    return run_stages("memory", stages, args.stages)


def _parser() -> argparse.ArgumentParser:
    parser = stage_parser("memory", STAGES, "A task that needs memory, and history guidance.")
    parser.add_argument("--out", type=Path, default=Study.out, help="folder of runs and results")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=TABLES,
        default=(),
        metavar="TABLE",
        help="tables to measure and write; default: all",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
