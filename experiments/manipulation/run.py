"""Run the study: python -m experiments.manipulation.run [STAGE ...]."""

import functools
import sys
from collections.abc import Callable, Sequence

from experiments.common.stages import run_stages, stage_parser
from experiments.manipulation.chain import measure_chain
from experiments.manipulation.evaluate import evaluate, time_plans
from experiments.manipulation.study import NAMES, Study
from experiments.manipulation.table import write_table
from experiments.manipulation.train import collect, train

DEFAULT_STAGES: dict[str, Callable[[Study], None]] = {
    "collect": collect,
    "train": train,
    "evaluate": evaluate,
    "chain": measure_chain,
    "table": write_table,
}
STAGES: dict[str, Callable[[Study], None]] = {**DEFAULT_STAGES, "latency": time_plans}


def main(argv: Sequence[str] | None = None) -> int:
    """Run stages; each skips finished work."""
    parser = stage_parser(
        "manipulation",
        tuple(STAGES),
        "dfplan on OGBench's manipulation suite.",
        default=", ".join(DEFAULT_STAGES),
    )
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
    stages = {name: functools.partial(stage, study) for name, stage in STAGES.items()}
    return run_stages("manipulation", stages, args.stages, default=tuple(DEFAULT_STAGES))


if __name__ == "__main__":
    sys.exit(main())
