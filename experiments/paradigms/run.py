"""Run the experiment: python -m experiments.paradigms.run [STAGE ...]."""

import argparse
import functools
import sys
from collections.abc import Callable, Sequence

from experiments.paradigms.data import prepare
from experiments.paradigms.figures import draw_figures
from experiments.paradigms.networks import compare
from experiments.paradigms.rollouts import roll_out
from experiments.paradigms.study import PARADIGMS, Study
from experiments.paradigms.table import write_table
from experiments.paradigms.train import train
from experiments.paradigms.uses import use
from experiments.stages import run_stages, stage_parser

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
    stages = {name: functools.partial(stage, study) for name, stage in STAGES.items()}
    return run_stages("paradigms", stages, args.stages)


def _parser() -> argparse.ArgumentParser:
    parser = stage_parser(
        "paradigms",
        tuple(STAGES),
        "Ways of training one network, rolled out far beyond the training's windows; and one "
        "network sampled in three ways.",
    )
    parser.add_argument(
        "--only", nargs="+", choices=PARADIGMS, default=tuple(PARADIGMS), metavar="PARADIGM"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
