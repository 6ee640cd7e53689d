"""Train HIQL on OGBench's mazes and evaluate it: python -m experiments.ogbench.peers TASK."""

import argparse
import sys
from collections.abc import Sequence

from dfplan.evaluation.play import NUM_ENVS
from dfplan.util.compilation_cache import enable_compilation_cache
from experiments.common.peers.goals import GoalShares
from experiments.common.peers.hiql import HIQL
from experiments.common.peers.learner import Settings
from experiments.common.peers.measure import measure_peer
from experiments.ogbench.study import STUDY

STITCH_SHARES = GoalShares(policy_future=0.5)
"""OGBench's shares for data of short pieces."""


def main(argv: Sequence[str] | None = None) -> int:
    """Train and evaluate HIQL on each task; measured ones are skipped."""
    parser = argparse.ArgumentParser(prog="python -m experiments.ogbench.peers")
    parser.add_argument(
        "tasks",
        nargs="+",
        metavar="TASK",
        choices=STUDY.names,
        help="such as antmaze-large-navigate",
    )
    parser.add_argument("--seed", type=int, default=0, help="training seed")
    parser.add_argument("--steps", type=int, default=Settings.steps, help="optimizer steps")
    parser.add_argument("--episodes", type=int, default=len(STUDY.evaluation))
    args = parser.parse_args(argv)
    enable_compilation_cache()
    first = STUDY.evaluation.start
    for name in args.tasks:
        shares = GoalShares() if name.endswith("navigate") else STITCH_SHARES
        algorithm = HIQL(Settings(steps=args.steps, shares=shares))
        seeds = range(first, first + args.episodes)
        measure_peer(STUDY, name, args.seed, algorithm, seeds=seeds, num_envs=NUM_ENVS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
