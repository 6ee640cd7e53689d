"""Run the experiment: python -m experiments.paradigms.run [STAGE ...]."""

import argparse
import functools
import sys
from collections.abc import Callable, Sequence

from experiments.common.paradigms import add_choice
from experiments.common.stages import run_stages, stage_parser
from experiments.paradigms.data import prepare
from experiments.paradigms.figures import draw_figures
from experiments.paradigms.networks import compare
from experiments.paradigms.rollouts import roll_out
from experiments.paradigms.study import PARADIGMS, Study
from experiments.paradigms.table import write_table
from experiments.paradigms.train import train
from experiments.paradigms.uses import measure_uses

STAGES: dict[str, Callable[[Study], None]] = {
    "data": prepare,
    "train": train,
    "rollouts": roll_out,
    "uses": measure_uses,
    "networks": compare,
    "table": write_table,
    "figures": draw_figures,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run stages; finished work is skipped."""
    args = _parser().parse_args(argv)
    study = Study(tuple(args.only), tuple(args.seeds))
    if args.dry_run:
        study = study.dry_run(args.dry_run, args.episodes)
    stages = {name: functools.partial(stage, study) for name, stage in STAGES.items()}
    return run_stages("paradigms", stages, args.stages)


def _parser() -> argparse.ArgumentParser:
    parser = stage_parser(
        "paradigms",
        tuple(STAGES),
        "Training paradigms rolled out far beyond their training windows, and one network "
        "sampled with three scheduling matrices.",
    )
    add_choice(parser, PARADIGMS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
