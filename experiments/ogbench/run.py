"""Run the comparison: python -m experiments.ogbench.run [STAGE ...]."""

import functools
import sys
from collections.abc import Callable, Sequence

from experiments.common.stages import run_stages, stage_parser
from experiments.ogbench.ablations import run_ablations
from experiments.ogbench.evaluate import evaluate, time_plans
from experiments.ogbench.figures import draw_figures
from experiments.ogbench.study import NAMES, Study
from experiments.ogbench.table import write_table
from experiments.ogbench.train import collect, train

DEFAULT_STAGES: dict[str, Callable[[Study], None]] = {
    "collect": collect,
    "train": train,
    "evaluate": evaluate,
    "table": write_table,
}
STAGES: dict[str, Callable[[Study], None]] = {
    **DEFAULT_STAGES,
    "latency": time_plans,
    "figures": draw_figures,
    "ablations": run_ablations,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run stages; each skips finished work."""
    default = ", ".join(DEFAULT_STAGES)
    parser = stage_parser("ogbench", tuple(STAGES), "dfplan on OGBench's mazes.", default=default)
    parser.add_argument(
        "--tasks",
        nargs="+",
        choices=NAMES,
        default=NAMES,
        metavar="TASK",
        help=f"tasks to run, of {', '.join(NAMES)}; default: all",
    )
    args = parser.parse_args(argv)
    study = Study(tuple(args.tasks), tuple(args.seeds))
    if args.dry_run:
        study = study.dry_run(args.dry_run, args.episodes)
    stages = {name: functools.partial(run, study) for name, run in STAGES.items()}
    return run_stages("ogbench", stages, args.stages, default=tuple(DEFAULT_STAGES))


if __name__ == "__main__":
    sys.exit(main())
