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
ALGORITHMS: dict[str, Algorithm] = {
    "gcbc": GCBC(Settings(steps=50_000)),
    "gciql": GCIQL(Settings(steps=50_000)),
    "hiql": HIQL(Settings(steps=50_000)),
}
"""Algorithms by the folder of their results."""


def measure_peers(study: TaskStudy) -> None:
    """Train and evaluate every algorithm on each task's data; skips finished work."""
    for name, seed in study.cases():
        for algorithm in ALGORITHMS.values():
            measure_peer(
                study,
                name,
                seed,
                algorithm,
                seeds=study.evaluation[:EPISODES],
                num_envs=NUM_ENVS,
            )
