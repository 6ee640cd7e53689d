"""Run the comparison: python -m experiments.maze2d.run [STAGE ...]."""

import argparse
import functools
import sys
from collections.abc import Callable, Sequence

from experiments.maze2d.ablate import ablate
from experiments.maze2d.ablation_pages import write_ablations
from experiments.maze2d.ablations import ABLATIONS
from experiments.maze2d.collect import collect
from experiments.maze2d.evaluate import evaluate
from experiments.maze2d.figures import draw_figures
from experiments.maze2d.maps import measure_maps
from experiments.maze2d.reference import measure_references
from experiments.maze2d.study import MAZES, Study
from experiments.maze2d.table import write_table
from experiments.maze2d.train import train
from experiments.maze2d.videos import draw_videos
from experiments.stages import run_stages, stage_parser

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
    stages: dict[str, Callable[[], None]] = {
        "ablations": lambda: _ablations(study, args.only),
        **{name: functools.partial(run, study) for name, run in {**MAIN, **MORE}.items()},
    }
    return run_stages("maze2d", stages, args.stages, tuple(MAIN))


def _ablations(study: Study, only: Sequence[str]) -> None:
    ablate(study, only)
    write_ablations(study)


def _parser() -> argparse.ArgumentParser:
    parser = stage_parser("maze2d", STAGES, "dfplan on D4RL's mazes.", ", ".join(MAIN))
    parser.add_argument("--mazes", nargs="+", choices=MAZES, default=MAZES, metavar="MAZE")
    parser.add_argument(
        "--only", nargs="+", choices=ABLATIONS, default=(), metavar="ABLATION", help="ablations"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
