"""Run the comparison: python -m experiments.maze2d.run [STAGE ...]."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dfplan.types import UserError, check_choice
from experiments.maze2d.ablate import ablate
from experiments.maze2d.ablation_pages import write_ablations
from experiments.maze2d.ablations import ABLATIONS
from experiments.maze2d.collect import collect
from experiments.maze2d.evaluate import evaluate
from experiments.maze2d.figures import draw_figures
from experiments.maze2d.maps import measure_maps
from experiments.maze2d.reference import measure_references
from experiments.maze2d.study import MAZES, TRAINING_SEEDS, Study
from experiments.maze2d.table import write_table
from experiments.maze2d.train import train
from experiments.maze2d.videos import draw_videos

USAGE = 2
MAIN: dict[str, Callable[[Study], None]] = {
    "collect": collect,
    "train": train,
    "evaluate": evaluate,
    "references": measure_references,
    "table": write_table,
}
MORE: dict[str, Callable[[Study], None]] = {
    "maps": measure_maps,
    "figures": draw_figures,
    "videos": draw_videos,
}
STAGES = (*MAIN, "ablations", *MORE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run some stages; each skips what it finds done."""
    args = _parser().parse_args(argv)
    study = Study(tuple(args.mazes), tuple(args.seeds))
    if args.rehearse:
        study = study.rehearsal(args.rehearse, args.episodes)
    try:
        for stage in args.stages:
            check_choice("stage", stage, STAGES)
        for stage in args.stages or MAIN:
            if stage == "ablations":
                ablate(study, args.only)
                write_ablations(study)
            else:
                {**MAIN, **MORE}[stage](study)
    except UserError as error:
        print(f"maze2d: error: {error}", file=sys.stderr)
        return USAGE
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.maze2d.run",
        description="dfplan on D4RL's mazes. Each stage skips what is done, so that an interrupted "
        "run goes on.",
    )
    parser.add_argument(
        "stages",
        nargs="*",
        metavar="STAGE",
        help=f"of {', '.join(STAGES)}; by default {', '.join(MAIN)}",
    )
    parser.add_argument("--mazes", nargs="+", choices=MAZES, default=MAZES, metavar="MAZE")
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=TRAINING_SEEDS, metavar="SEED", help="of training"
    )
    parser.add_argument(
        "--only", nargs="+", choices=ABLATIONS, default=(), metavar="ABLATION", help="ablations"
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
