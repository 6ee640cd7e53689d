"""Run the comparison: python -m experiments.maze2d.run [STAGE ...]."""

import argparse
import functools
import sys
from collections.abc import Callable, Sequence

from experiments.common.jobs import add_ray_options, open_executor
from experiments.common.protocol import MAZES
from experiments.common.stages import run_stages, stage_parser
from experiments.maze2d.ablate import ablate
from experiments.maze2d.ablations import ABLATIONS
from experiments.maze2d.collect import collect
from experiments.maze2d.evaluate import evaluate
from experiments.maze2d.maps import measure_maps
from experiments.maze2d.pages.ablation_tables import write_ablations
from experiments.maze2d.pages.figures import draw_figures
from experiments.maze2d.pages.table import write_table
from experiments.maze2d.pages.videos import write_videos
from experiments.maze2d.references.measure import measure_references
from experiments.maze2d.study import Study
from experiments.maze2d.train import train

JOB_STAGES = {"collect": collect, "train": train, "evaluate": evaluate}
"""Stages of independent jobs, which may run on a Ray cluster."""
DEFAULT_STAGES: dict[str, Callable[..., None]] = {
    **JOB_STAGES,
    "references": measure_references,
    "table": write_table,
}
OTHER_STAGES: dict[str, Callable[..., None]] = {
    "maps": measure_maps,
    "figures": draw_figures,
    "videos": write_videos,
}
STAGES = (*DEFAULT_STAGES, "ablations", *OTHER_STAGES)


def main(argv: Sequence[str] | None = None) -> int:
    """Run stages; each skips finished work."""
    args = _parser().parse_args(argv)
    study = Study(tuple(args.mazes), tuple(args.seeds))
    if args.dry_run:
        study = study.dry_run(args.dry_run, args.episodes)
    stages: dict[str, Callable[[], None]] = {
        "ablations": functools.partial(_run_ablations, study, args.only)
    }
    for name, run in {**DEFAULT_STAGES, **OTHER_STAGES}.items():
        stages[name] = functools.partial(run, study)
    for name, run in JOB_STAGES.items():
        stages[name] = functools.partial(_run_jobs, run, study, args)
    return run_stages("maze2d", stages, args.stages, default=tuple(DEFAULT_STAGES))


def _run_jobs(stage: Callable[..., None], study: Study, args: argparse.Namespace) -> None:
    with open_executor(args) as executor:
        stage(study, executor)


def _run_ablations(study: Study, names: Sequence[str]) -> None:
    ablate(study, names)
    write_ablations(study)


def _parser() -> argparse.ArgumentParser:
    default = ", ".join(DEFAULT_STAGES)
    parser = stage_parser("maze2d", STAGES, "dfplan on D4RL's mazes.", default=default)
    parser.add_argument(
        "--mazes", nargs="+", choices=MAZES, default=MAZES, metavar="MAZE", help="mazes to run on"
    )
    add_ray_options(parser)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=ABLATIONS,
        default=(),
        metavar="ABLATION",
        help="ablations to run; default: all",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
