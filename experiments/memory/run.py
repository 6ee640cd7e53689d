"""Run the experiment: python -m experiments.memory.run [STAGE ...]."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.memory.measure import measure, train
from experiments.memory.pages import draw_paths, write_tables
from experiments.memory.study import TABLES, Study
from experiments.stages import run_stages, stage_parser

STAGES = ("train", "measure", "table", "figure")


def main(argv: Sequence[str] | None = None) -> int:
    """Run some stages; what is done is not done again."""
    args = _parser().parse_args(argv)
    study = Study(tuple(args.seeds), args.out)
    if args.rehearse:
        study = study.rehearsal(args.rehearse, args.episodes)
    stages = {
        "train": lambda: train(study),
        "measure": lambda: measure(study, args.only),
        "table": lambda: write_tables(study, args.only),
        "figure": lambda: draw_paths(study),
    }
    return run_stages("memory", stages, args.stages)


def _parser() -> argparse.ArgumentParser:
    parser = stage_parser("memory", STAGES, "A task that needs memory, and guidance by histories.")
    parser.add_argument("--out", type=Path, default=Study.out, help="of runs and measurements")
    parser.add_argument("--only", nargs="+", choices=TABLES, default=(), metavar="TABLE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
