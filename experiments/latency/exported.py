"""Start-up time of exported planners in a new process: python -m experiments.latency.exported."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dfplan.export.write import export
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import load_weights
from experiments.common.markdown import table

RUN = "pointmaze-large"
STAGES = ("import", "load", "first plan", "second plan")
CODE = """
import json, sys, time
clocks = time.perf_counter, time.process_time
times = [[clock() for clock in clocks]]
from dfplan.export import load
times.append([clock() for clock in clocks])
planner = load(sys.argv[1])
times.append([clock() for clock in clocks])
observation = json.loads(sys.argv[2])
for _ in range(2):
    planner.plan(observation)
    times.append([clock() for clock in clocks])
assert "flax" not in sys.modules
print(json.dumps(times))
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Export the pretrained planner of PointMaze-Large, and plan with it in new processes."""
    parser = argparse.ArgumentParser(prog="python -m experiments.latency.exported")
    parser.add_argument("--processes", type=int, default=5)
    args = parser.parse_args(argv)
    resolved = resolve_run(RUN)
    weights = load_weights(resolved.run, resolved.directory)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "exported"
        export(resolved.run, weights, out, platforms=("cpu",))
        cache = {
            "JAX_COMPILATION_CACHE_DIR": str(Path(folder) / "xla"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
        }
        times = [time_process(out, cache) for _ in range(args.processes + 1)]
    print(page({"first, which compiles": times[:1], "later ones": times[1:]}))


def time_process(out: Path, env: dict[str, str]) -> np.ndarray:
    """Return wall and CPU seconds `[stages, 2]` of a new process that plans without Flax.

    Args:
        out: Exported planner.
        env: Additional environment variables.
    """
    observation = {
        "observation": [-4.5, 3.0, 0.0, 0.0],
        "achieved_goal": [-4.5, 3.0],
        "desired_goal": [2.5, -3.0],
    }
    command = [sys.executable, "-c", CODE, str(out), json.dumps(observation)]
    process = subprocess.run(
        command, env={**os.environ, **env}, check=True, capture_output=True, text=True
    )
    return np.diff(json.loads(process.stdout), axis=0)


def page(times_by_process: dict[str, list[np.ndarray]]) -> str:
    """Return median wall seconds, and CPU seconds in parentheses, as a Markdown table."""
    rows = []
    for name, times in times_by_process.items():
        cells = [f"{wall:.2f} ({cpu:.2f})" for wall, cpu in np.median(times, axis=0)]
        rows.append([name, *cells])
    return table(("process", *STAGES), rows)


if __name__ == "__main__":
    main()
