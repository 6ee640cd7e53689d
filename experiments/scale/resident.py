"""Train from shards in a process of its own, and print its memory, times and reads as JSON."""

import argparse
import json
import os
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
    evict(args.directory)
    enable_compilation_cache()  # as the command line does
    config = Config().override(SETTINGS | {"data.source": args.source})
    samples: list[dict[str, float]] = []
    times: list[tuple[int, float]] = []

    def report(step: int, metrics: dict[str, float]) -> None:
        times.append((step, time.perf_counter() - START))
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
    first_step, first_step_s = times[0]
    last_step, last_step_s = times[-1]
    record = {
        "first_steps_s": first_step_s,
        "steps_per_s": (last_step - first_step) / max(last_step_s - first_step_s, 1e-9),
        "read_gb": bytes_read() / 1e9,
        "cpu_s": time.process_time(),
        "peak_gb": peak,
    }
    print(json.dumps(record))


def evict(directory: Path) -> None:
    """Remove the files of shards from the system's cache, so that they are read from disk."""
    for path in directory.rglob("*.npy"):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fdatasync(handle)  # pages that are not yet written cannot be removed
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)


def bytes_read() -> int:
    """Return the bytes that this process has read from disk, as opposed to the cache."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["read_bytes"])


def resident_gigabytes() -> dict[str, float]:
    """Return the resident memory of this process: its own, and that of mapped files."""
    names = {"VmRSS": "all", "RssAnon": "own", "RssFile": "files"}
    lines = Path("/proc/self/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return {new: int(values[name].split()[0]) * 1024 / 1e9 for name, new in names.items()}


if __name__ == "__main__":
    main()
