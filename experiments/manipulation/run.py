"""Run the study: python -m experiments.manipulation.run [STAGE ...]."""

import functools
import sys
from collections.abc import Sequence

from experiments.common.protocol_episodes import time_plans
from experiments.common.task_stages import Stage, collect, run_task_stages, task_parser, train
from experiments.manipulation.chain import measure_chain
from experiments.manipulation.contacts import measure_contacts
from experiments.manipulation.evaluate import evaluate_study
from experiments.manipulation.film import film
from experiments.manipulation.losses import describe_losses
from experiments.manipulation.peers import ALGORITHMS, MEASURED, STEPS, measure_peers
from experiments.manipulation.perturbed import perturb
from experiments.manipulation.study import DATA_STEPS, STUDY
from experiments.manipulation.table import write_table
from experiments.manipulation.tracking import measure_tracking

DEFAULT_STAGES: dict[str, Stage] = {
    "collect": functools.partial(collect, steps=DATA_STEPS),
    "train": train,
    "evaluate": evaluate_study,
    "chain": measure_chain,
    "contacts": measure_contacts,
    "losses": describe_losses,
    "perturb": perturb,
    "tracking": measure_tracking,
    "table": write_table,
}
STAGES: dict[str, Stage] = {
    **DEFAULT_STAGES,
    "latency": time_plans,
    "peers": measure_peers,
    "film": film,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run stages; each skips finished work."""
    default = tuple(DEFAULT_STAGES)
    description = "dfplan on OGBench's manipulation suite."
    parser = task_parser("manipulation", STUDY, STAGES, description, default)
    parser.add_argument(
        "--peers", nargs="+", choices=ALGORITHMS, default=MEASURED, help="algorithms to compare"
    )
    parser.add_argument("--peer-steps", type=int, default=STEPS, help="their optimizer steps")
    args = parser.parse_args(argv)
    peers = functools.partial(measure_peers, names=tuple(args.peers), steps=args.peer_steps)
    return run_task_stages("manipulation", STUDY, {**STAGES, "peers": peers}, args, default)


if __name__ == "__main__":
    sys.exit(main())
