"""Run the comparison: python -m experiments.locomotion.run [STAGE ...]."""

import functools
import sys
from collections.abc import Sequence

from experiments.common.task_stages import Stage, collect, run_task_stages, task_parser, train
from experiments.common.task_study import TaskStudy
from experiments.locomotion.calibration import calibrate, draw
from experiments.locomotion.curves import draw_curves, measure_curves
from experiments.locomotion.evaluate import DEFAULT_PEERS, PEERS, clone, evaluate, run_peers
from experiments.locomotion.latency import time_plans
from experiments.locomotion.perturbed import perturb
from experiments.locomotion.study import PEER_STEPS, STUDY
from experiments.locomotion.table import write_table
from experiments.locomotion.weighted import clone_weighted


def draw_figures(study: TaskStudy) -> None:
    """Draw all figures of the measurements so far."""
    draw(study)
    draw_curves(study)


DEFAULT_STAGES: dict[str, Stage] = {
    "collect": collect,
    "train": train,
    "evaluate": evaluate,
    "clone": clone,
    "weighted": clone_weighted,
    "latency": time_plans,
    "perturb": perturb,
    "calibrate": calibrate,
    "figure": draw_figures,
    "table": write_table,
}
STAGES: dict[str, Stage] = {**DEFAULT_STAGES, "curves": measure_curves, "peers": run_peers}


def main(argv: Sequence[str] | None = None) -> int:
    """Run stages; each skips finished work."""
    default = tuple(DEFAULT_STAGES)
    parser = task_parser("locomotion", STUDY, STAGES, "dfplan on locomotion.", default)
    parser.add_argument(
        "--peer-steps", type=int, default=PEER_STEPS, help="optimizer steps of the peers"
    )
    parser.add_argument(
        "--peers",
        nargs="+",
        choices=PEERS,
        default=DEFAULT_PEERS,
        help="peers to train; default: all but dt, the Decision Transformer",
    )
    args = parser.parse_args(argv)
    peers = functools.partial(run_peers, steps=args.peer_steps, peers=args.peers)
    stages = {**STAGES, "peers": peers}
    return run_task_stages("locomotion", STUDY, stages, args, default)


if __name__ == "__main__":
    sys.exit(main())
