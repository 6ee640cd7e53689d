"""How soon exported planners plan in a new process: python -m experiments.latency.exported."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dfplan.exporter import export
from dfplan.find import find_run
from dfplan.run import load_weights
from experiments.maze2d.markdown import number, table

RUN = "pointmaze-large"
STAGES = ("import", "load", "first plan", "second plan")
CODE = """
import json, sys, time
begin = time.perf_counter()
times = []
from dfplan.export import load
times.append(time.perf_counter())
planner = load(sys.argv[1])
times.append(time.perf_counter())
observation = json.loads(sys.argv[2])
for _ in range(2):
    planner.plan(observation)
    times.append(time.perf_counter())
assert "flax" not in sys.modules
print(json.dumps([b - a for a, b in zip([begin, *times], times)]))
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Export the trained planner of PointMaze-Large, and print medians over fresh processes."""
    parser = argparse.ArgumentParser(prog="python -m experiments.latency.exported")
    parser.add_argument("--processes", type=int, default=5)
    args = parser.parse_args(argv)
    found = find_run(RUN)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "exported"
        export(found.run, load_weights(found.run, found.directory), out, platforms=("cpu",))
        fresh = [process(out, {}) for _ in range(args.processes)]
        kept = {
            "JAX_COMPILATION_CACHE_DIR": str(Path(folder) / "xla"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
        }
        process(out, kept)  # fills it
        again = [process(out, kept) for _ in range(args.processes)]
    print(page({"no compilation cache": fresh, "JAX's compilation cache": again}))


def process(out: Path, env: dict[str, str]) -> list[float]:
    """Seconds of each stage in a process of its own, without Flax."""
    observation = {
        "observation": [-4.5, 3.0, 0.0, 0.0],
        "achieved_goal": [-4.5, 3.0],
        "desired_goal": [2.5, -3.0],
    }
    command = [sys.executable, "-c", CODE, str(out), json.dumps(observation)]
    done = subprocess.run(
        command, env={**os.environ, **env}, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def page(measured: dict[str, list[list[float]]]) -> str:
    """Medians in milliseconds, and the most that any process took, in Markdown."""
    rows = []
    for name, times in measured.items():
        ms = 1000 * np.array(times)
        cells = [f"{number(np.median(c), 0)} (at most {number(c.max(), 0)})" for c in ms.T]
        rows.append([name, *cells])
    return table(("milliseconds", *STAGES), rows)


if __name__ == "__main__":
    main()
