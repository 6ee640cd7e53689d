"""Run the experiment: python -m experiments.robustness.run [STAGE ...]."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dfplan.types import UserError, check_choice
from experiments.maze2d.study import TRAINING_SEEDS
from experiments.robustness.conditions import CONDITIONS
from experiments.robustness.measure import measure
from experiments.robustness.study import MAZES, Study
from experiments.robustness.table import write_table

USAGE = 2
STAGES = ("measure", "table")


def main(argv: Sequence[str] | None = None) -> int:
    """Run some stages; what is measured is not measured again."""
    args = _parser().parse_args(argv)
    study = Study(tuple(args.mazes), tuple(args.seeds), args.runs)
    if args.rehearse:
        study = study.rehearsal(args.rehearse, args.episodes)
    try:
        for stage in args.stages:
            check_choice("stage", stage, STAGES)
        for stage in args.stages or STAGES:
            measure(study, args.only) if stage == "measure" else write_table(study)
    except UserError as error:
        print(f"robustness: error: {error}", file=sys.stderr)
        return USAGE
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.robustness.run",
        description="The planner under noise, dropouts and pushes. What is done is not done again, "
        "so that an interrupted run goes on.",
    )
    parser.add_argument(
        "stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}; by default both"
    )
    parser.add_argument("--mazes", nargs="+", choices=MAZES, default=MAZES, metavar="MAZE")
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=TRAINING_SEEDS, metavar="SEED", help="of training"
    )
    parser.add_argument(
        "--runs", type=Path, default=Study.runs, help="folder of the Maze2D comparison's runs"
    )
    parser.add_argument(
        "--only", nargs="+", choices=CONDITIONS, default=(), metavar="CONDITION", help="to measure"
    )
    parser.add_argument(
        "--rehearse",
        type=Path,
        metavar="FOLDER",
        help="measure on a few of the tuning seeds, and write everything in this folder",
    )
    parser.add_argument("--episodes", type=int, default=4, help="of a rehearsal")
    return parser


if __name__ == "__main__":
    sys.exit(main())
