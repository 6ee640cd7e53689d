"""Run the experiment: python -m experiments.drift.run [STAGE ...]."""

import argparse
import functools
import sys
from collections.abc import Callable, Sequence

from experiments.common.paradigms import add_choice
from experiments.common.stages import run_stages, stage_parser
from experiments.drift.data import prepare
from experiments.drift.figure import draw_figure
from experiments.drift.rollouts import roll_out
from experiments.drift.study import PARADIGMS, ROBOTS, Study
from experiments.drift.table import write_table
from experiments.drift.train import train

STAGES: dict[str, Callable[[Study], None]] = {
    "data": prepare,
    "train": train,
    "rollouts": roll_out,
    "table": write_table,
    "figure": draw_figure,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run stages; finished work is skipped."""
    args = _parser().parse_args(argv)
    study = Study(tuple(args.robots), tuple(args.only), tuple(args.seeds))
    if args.dry_run:
        study = study.dry_run(args.dry_run, args.episodes)
    stages = {name: functools.partial(stage, study) for name, stage in STAGES.items()}
    return run_stages("drift", stages, args.stages)


def _parser() -> argparse.ArgumentParser:
    parser = stage_parser(
        "drift",
        tuple(STAGES),
        "Open-loop rollouts of Hopper and Walker2d over many training windows.",
    )
    parser.add_argument("--robots", nargs="+", choices=ROBOTS, default=ROBOTS, help="robots")
    add_choice(parser, PARADIGMS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
