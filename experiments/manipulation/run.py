"""Run the study: python -m experiments.manipulation.run [STAGE ...]."""

import functools
import sys
from collections.abc import Sequence

from experiments.common.protocol_episodes import time_plans
from experiments.common.task_stages import Stage, collect, run_task_stages, task_parser, train
from experiments.manipulation.chain import measure_chain
from experiments.manipulation.contacts import measure_contacts
from experiments.manipulation.evaluate import evaluate_study
from experiments.manipulation.study import DATA_STEPS, STUDY
from experiments.manipulation.table import write_table

DEFAULT_STAGES: dict[str, Stage] = {
    "collect": functools.partial(collect, steps=DATA_STEPS),
    "train": train,
    "evaluate": evaluate_study,
    "chain": measure_chain,
    "contacts": measure_contacts,
    "table": write_table,
}
STAGES: dict[str, Stage] = {**DEFAULT_STAGES, "latency": time_plans}


def main(argv: Sequence[str] | None = None) -> int:
    """Run stages; each skips finished work."""
    default = tuple(DEFAULT_STAGES)
    description = "dfplan on OGBench's manipulation suite."
    parser = task_parser("manipulation", STUDY, STAGES, description, default)
    return run_task_stages("manipulation", STUDY, STAGES, parser.parse_args(argv), default)


if __name__ == "__main__":
    sys.exit(main())
