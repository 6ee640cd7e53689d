"""Measure how fast datasets of many short episodes are written and read.

python scripts/measure_dataset_speed.py --episodes 8000 --steps 16
"""

import argparse
import os
import tempfile
import time

import numpy as np

from dfplan.data.importers.episodes import ColumnarEpisodes
from dfplan.data.importers.write import ImportOptions, write_episodes
from dfplan.data.minari_io import load_trajectories
from dfplan.data.profile.measure import measure


def make_episodes(episodes: int, steps: int, goals: bool) -> ColumnarEpisodes:
    rng = np.random.default_rng(0)
    rows = episodes * steps
    return ColumnarEpisodes(
        where="random numbers",
        observation=rng.normal(size=(rows, 4)),
        action=rng.normal(size=(rows, 2)),
        reward=rng.normal(size=rows),
        goal=rng.normal(size=(rows, 2)) if goals else None,
        length=np.full(episodes, steps),
        terminated=np.zeros(episodes, bool),
        final=rng.normal(size=(episodes, 4)),
    )


def measure_speed(rows: ColumnarEpisodes) -> str:
    """Return the times of each operation, and the fingerprint of what was read."""
    calls = {
        "write": lambda: write_episodes(rows, "my/x-v0", ImportOptions(), "random numbers"),
        "read": lambda: load_trajectories("my/x-v0"),
        "show": lambda: measure("my/x-v0"),
    }
    times = []
    results = {}
    for name, call in calls.items():
        wall = time.perf_counter()
        cpu = time.process_time()
        results[name] = call()
        wall = time.perf_counter() - wall
        cpu = time.process_time() - cpu
        times.append(f"{name} {wall:.1f} s (CPU {cpu:.1f} s)")
    return f"{', '.join(times)}; fingerprint {results['read'].fingerprint[:16]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=8000)
    parser.add_argument("--steps", type=int, default=16)
    args = parser.parse_args()
    for goals in (False, True):
        with tempfile.TemporaryDirectory() as home:
            os.environ["MINARI_DATASETS_PATH"] = home
            times = measure_speed(make_episodes(args.episodes, args.steps, goals))
        kind = "with goals" if goals else "without goals"
        print(f"{args.episodes} episodes of {args.steps} steps {kind}: {times}", flush=True)


if __name__ == "__main__":
    main()
