"""The command line of experiments that run in stages and skip what is already done."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dfplan.types import UserError, check_choice
from experiments.common.protocol import TRAINING_SEEDS

USAGE = 2
"""Exit code of a usage error."""


def stage_parser(
    name: str, stages: Sequence[str], description: str, default: str = "all"
) -> argparse.ArgumentParser:
    """Return a parser of the options that the experiments share.

    They are the stages, the training seeds, and a dry run.

    Args:
        name: Folder of the experiment.
        stages: Names of the stages.
        description: Description of the experiment.
        default: Stages that run if none is named, in words.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.{name}.run",
        description=f"{description} Finished work is skipped, so an interrupted run resumes.",
    )
    parser.add_argument(
        "stages",
        nargs="*",
        metavar="STAGE",
        help=f"stages to run, of {', '.join(stages)}; default: {default}",
    )
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=int,
        default=TRAINING_SEEDS,
        metavar="SEED",
        help="training seeds",
    )
    parser.add_argument(
        "--dry-run",
        type=Path,
        metavar="FOLDER",
        help="measure on a few tuning seeds and write results and pages to this folder",
    )
    parser.add_argument("--episodes", type=int, default=4, help="episodes of a dry run")
    return parser


def run_stages(
    name: str,
    stages: Mapping[str, Callable[[], None]],
    chosen: Sequence[str],
    default: Sequence[str] = (),
) -> int:
    """Run stages one after the other; a user error stops them with a one-line message.

    Args:
        name: Name of the experiment.
        stages: Stages by name.
        chosen: Names of the stages to run; if empty, those of `default`.
        default: Names of the default stages; if empty, all.

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
