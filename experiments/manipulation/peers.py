"""OGBench's algorithms on the planners' data, as far as one core trains them in minutes."""

from experiments.common.peers.gcbc import GCBC
from experiments.common.peers.gciql import GCIQL
from experiments.common.peers.hiql import HIQL
from experiments.common.peers.learner import Algorithm, Settings
from experiments.common.peers.measure import measure_peer
from experiments.common.task_study import TaskStudy
from experiments.manipulation.evaluate import NUM_ENVS

EPISODES = 50
"""Episodes of each algorithm, 10 per task of the environment."""
ALGORITHMS: dict[str, type[Algorithm]] = {"gcbc": GCBC, "gciql": GCIQL, "hiql": HIQL}
"""Algorithms by the folder of their results."""
MEASURED = ("gcbc", "gciql")
"""Algorithms that run if none is named."""
STEPS = 30_000
"""Optimizer steps; OGBench takes a million, of batches four times as large."""


def measure_peers(study: TaskStudy, names: tuple[str, ...] = MEASURED, steps: int = STEPS) -> None:
    """Train and evaluate algorithms on each task's data; skips finished work.

    Args:
        study: The study.
        names: Algorithms, keys of `ALGORITHMS`.
        steps: Optimizer steps of each.
    """
    settings = Settings(steps=steps)
    for name, seed in study.cases():
        for algorithm in names:
            measure_peer(
                study,
                name,
                seed,
                ALGORITHMS[algorithm](settings),
                seeds=study.evaluation[:EPISODES],
                num_envs=NUM_ENVS,
            )
