"""Run the experiment: python -m experiments.paradigms.run [STAGE ...]."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dfplan.types import UserError, check_choice
from experiments.maze2d.study import TRAINING_SEEDS
from experiments.paradigms.data import prepare
from experiments.paradigms.figures import draw_figures
from experiments.paradigms.networks import compare
from experiments.paradigms.rollouts import roll_out
from experiments.paradigms.study import PARADIGMS, Study
from experiments.paradigms.table import write_table
from experiments.paradigms.train import train
from experiments.paradigms.uses import use

USAGE = 2
STAGES: dict[str, Callable[[Study], None]] = {
    "data": prepare,
    "train": train,
    "rollouts": roll_out,
    "uses": use,
    "networks": compare,
    "table": write_table,
    "figures": draw_figures,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run some stages; what is done is not done again."""
    args = _parser().parse_args(argv)
    study = Study(tuple(args.only), tuple(args.seeds))
    if args.rehearse:
        study = study.rehearsal(args.rehearse, args.episodes)
    try:
        for stage in args.stages:
            check_choice("stage", stage, STAGES)
        for stage in args.stages or STAGES:
            STAGES[stage](study)
    except UserError as error:
        print(f"paradigms: error: {error}", file=sys.stderr)
        return USAGE
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.paradigms.run",
        description="Ways of training one network, rolled out far beyond the training's windows; "
        "and one network sampled in three ways. What is done is not done again.",
    )
    parser.add_argument(
        "stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}; by default all"
    )
    parser.add_argument(
        "--only", nargs="+", choices=PARADIGMS, default=tuple(PARADIGMS), metavar="PARADIGM"
    )
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=TRAINING_SEEDS, metavar="SEED", help="of training"
    )
    parser.add_argument(
        "--rehearse",
        type=Path,
        metavar="FOLDER",
        help="measure on a few of the tuning seeds, and write results and pages in this folder",
    )
    parser.add_argument("--episodes", type=int, default=4, help="of a rehearsal")
    return parser


if __name__ == "__main__":
    sys.exit(main())
