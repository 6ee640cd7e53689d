"""Train from shards in a process of its own, and print its memory and start-up time as JSON."""

import argparse
import json
import tempfile
import time
from pathlib import Path

from dfplan.config import Config
from dfplan.runs.train import train
from dfplan.tasks.registry import Task
from dfplan.util.compilation_cache import enable_compilation_cache

START = time.perf_counter()
SETTINGS = {"training.log_every": 5, "training.save_every": 1_000_000}


def main() -> None:
    """Train from the shards that the arguments name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--source", required=True)
    parser.add_argument("--steps", type=int, required=True)
    args = parser.parse_args()
    enable_compilation_cache()  # as the command line does
    config = Config().override(SETTINGS | {"data.source": args.source})
    samples: list[dict[str, float]] = []
    first_step_s = 0.0

    def report(step: int, metrics: dict[str, float]) -> None:
        nonlocal first_step_s
        first_step_s = first_step_s or time.perf_counter() - START
        samples.append(resident_gigabytes())

    with tempfile.TemporaryDirectory() as out:
        train(
            Task("", str(args.directory)),
            config,
            Path(out) / "run",
            stop_step=args.steps,
            report=report,
        )
    peak = {name: max(sample[name] for sample in samples) for name in samples[0]}
    record = {"first_steps_s": first_step_s, "cpu_s": time.process_time(), "peak_gb": peak}
    print(json.dumps(record))


def resident_gigabytes() -> dict[str, float]:
    """Return the resident memory of this process: its own, and that of mapped files."""
    names = {"VmRSS": "all", "RssAnon": "own", "RssFile": "files"}
    lines = Path("/proc/self/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return {new: int(values[name].split()[0]) * 1024 / 1e9 for name, new in names.items()}


if __name__ == "__main__":
    main()
