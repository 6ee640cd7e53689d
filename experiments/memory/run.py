"""Run the experiment: python -m experiments.memory.run [STAGE ...]."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dfplan.types import UserError, check_choice
from experiments.memory.measure import measure, train
from experiments.memory.pages import draw_paths, write_tables
from experiments.memory.study import TABLES, Study

USAGE = 2
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
        "table": lambda: write_tables(study),
        "figure": lambda: draw_paths(study),
    }
    try:
        for stage in args.stages:
            check_choice("stage", stage, STAGES)
        for stage in args.stages or STAGES:
            stages[stage]()
    except UserError as error:
        print(f"memory: error: {error}", file=sys.stderr)
        return USAGE
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.memory.run",
        description="A task that needs memory, and guidance by histories. What is done is not done "
        "again, so that an interrupted run goes on.",
    )
    parser.add_argument(
        "stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}; by default all"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=Study.seeds, help="of training")
    parser.add_argument("--out", type=Path, default=Study.out, help="of runs and measurements")
    parser.add_argument("--only", nargs="+", choices=TABLES, default=(), metavar="TABLE")
    parser.add_argument(
        "--rehearse", type=Path, metavar="FOLDER", help="on tuning seeds, and all in this folder"
    )
    parser.add_argument("--episodes", type=int, default=4, help="of a rehearsal")
    return parser


if __name__ == "__main__":
    sys.exit(main())
