"""Run the comparison: python -m experiments.ogbench.run [STAGE ...]."""

import sys
from collections.abc import Sequence

from experiments.common.protocol_episodes import time_plans
from experiments.common.task_stages import Stage, collect, run_task_stages, task_parser, train
from experiments.ogbench.ablations import run_ablations
from experiments.ogbench.evaluate import evaluate_study
from experiments.ogbench.figures import draw_figures
from experiments.ogbench.study import STUDY
from experiments.ogbench.table import write_table

DEFAULT_STAGES: dict[str, Stage] = {
    "collect": collect,
    "train": train,
    "evaluate": evaluate_study,
    "table": write_table,
}
STAGES: dict[str, Stage] = {
    **DEFAULT_STAGES,
    "latency": time_plans,
    "figures": draw_figures,
    "ablations": run_ablations,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run stages; each skips finished work."""
    default = tuple(DEFAULT_STAGES)
    parser = task_parser("ogbench", STUDY, STAGES, "dfplan on OGBench's mazes.", default)
    return run_task_stages("ogbench", STUDY, STAGES, parser.parse_args(argv), default)


if __name__ == "__main__":
    sys.exit(main())
