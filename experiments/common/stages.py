"""Stages: the command line of an experiment whose parts skip what they find done."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dfplan.types import UserError, check_choice
from experiments.maze2d.study import TRAINING_SEEDS

USAGE = 2


def stage_parser(
    name: str, stages: Sequence[str], description: str, default: str = "all"
) -> argparse.ArgumentParser:
    """Options that the experiments share: stages, training seeds, and a rehearsal.

    Args:
        name: of the experiment's folder.
        stages: that there are.
        description: of the experiment.
        default: what runs where no stage is named, in words.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.{name}.run",
        description=f"{description} What is done is not done again, so that an interrupted run "
        "goes on.",
    )
    parser.add_argument(
        "stages", nargs="*", metavar="STAGE", help=f"of {', '.join(stages)}; by default {default}"
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


def run_stages(
    name: str,
    stages: Mapping[str, Callable[[], None]],
    chosen: Sequence[str],
    default: Sequence[str] = (),
) -> int:
    """Run stages one after the other; an error of the user's ends it with one line.

    Args:
        name: of the experiment.
        stages: by name.
        chosen: names; those of `default` where there are none, and all where that is empty.

    Returns:
        The exit code.
    """
    try:
        for stage in chosen:
            check_choice("stage", stage, stages)
        for stage in chosen or default or stages:
            stages[stage]()
    except UserError as error:
        print(f"{name}: error: {error}", file=sys.stderr)
        return USAGE
    return 0
