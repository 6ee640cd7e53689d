"""Run the comparison: python -m experiments.locomotion.run [STAGE ...]."""

import dataclasses
import functools
import sys
from collections.abc import Callable, Sequence

from experiments.common.stages import run_stages, stage_parser
from experiments.locomotion.evaluate import clone, collect, evaluate, run_peers, train
from experiments.locomotion.study import NAMES, Study
from experiments.locomotion.table import write_table

DEFAULT_STAGES: dict[str, Callable[[Study], None]] = {
    "collect": collect,
    "train": train,
    "evaluate": evaluate,
    "clone": clone,
    "table": write_table,
}
STAGES: dict[str, Callable[[Study], None]] = {**DEFAULT_STAGES, "peers": run_peers}


def main(argv: Sequence[str] | None = None) -> int:
    """Run stages; each skips finished work."""
    default = ", ".join(DEFAULT_STAGES)
    parser = stage_parser("locomotion", tuple(STAGES), "dfplan on locomotion.", default=default)
    parser.add_argument(
        "--tasks",
        nargs="+",
        choices=NAMES,
        default=NAMES,
        metavar="TASK",
        help=f"tasks to run, of {', '.join(NAMES)}; default: all",
    )
    parser.add_argument(
        "--peer-steps", type=int, default=Study.peer_steps, help="optimizer steps of the peers"
    )
    args = parser.parse_args(argv)
    study = Study(tuple(args.tasks), tuple(args.seeds))
    study = dataclasses.replace(study, peer_steps=args.peer_steps)
    if args.dry_run:
        study = study.dry_run(args.dry_run, args.episodes)
    stages = {name: functools.partial(run, study) for name, run in STAGES.items()}
    return run_stages("locomotion", stages, args.stages, default=tuple(DEFAULT_STAGES))


if __name__ == "__main__":
    sys.exit(main())
