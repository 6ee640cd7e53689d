"""Measure training from shards on disk: python -m experiments.scale.stream.

Writes shards of random numbers into --folder, and deletes them afterwards.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from dfplan.cli.common import console
from dfplan.config import Config
from dfplan.data.shards.read import ShardedTrajectories
from dfplan.data.stream import Scale, WindowStream
from dfplan.data.training_arrays import fit_normalizers, make_training_arrays
from dfplan.model import Model
from dfplan.representation.tokens import TokenLayout
from dfplan.training.step import TrainSpec, TrainState, init_state, train_until
from dfplan.training.streamed import streamed
from dfplan.types import UserError, shorten
from dfplan.util.files import write_json
from dfplan.util.versions import installed_versions
from experiments.common.markdown import fill_section, table
from experiments.common.stages import USAGE
from experiments.scale.formats import compare
from experiments.scale.synthetic import write_repeated, write_synthetic

RESULT = Path(__file__).with_name("stream.json")
README = Path(__file__).with_name("README.md")
SPARSE_GB = 50
"""Size of shards that take no space on disk, for the memory alone."""
SMALL_GB = 0.24
"""Size of the shards that are also read into memory: one shard."""


def main(argv: Sequence[str] | None = None) -> int:
    """Compare formats, throughput and memory, and write JSON."""
    args = _parser().parse_args(argv)
    small = args.folder / "small"
    large = args.folder / "large"
    try:
        write_synthetic(small, SMALL_GB)
        record: dict[str, Any] = {
            "note": "times depend on the machine's other load; the ratios within a run do not",
            "cores": os.cpu_count(),
            "formats": compare(small, args.rounds),
            "throughput": throughput(small, steps=args.steps, rounds=args.rounds),
        }
        console.print(json.dumps(record, indent=2))
        write_start = time.perf_counter()
        write_repeated(small, large, args.gigabytes)
        record["write_s"] = time.perf_counter() - write_start
        record["gigabytes"] = ShardedTrajectories(large).data_bytes / 1e9
        record["memory"] = {
            "small, memory": _resident(small, "memory", args.resident_steps),
            "small, stream": _resident(small, "stream", args.resident_steps),
            "large, stream": _resident(large, "stream", args.resident_steps),
        }
        sparse = args.folder / "sparse"
        write_repeated(small, sparse, SPARSE_GB, sparse=True)
        name = f"{SPARSE_GB} GB of zeros, stream"
        record["memory"][name] = _resident(sparse, "stream", args.resident_steps)
    except UserError as error:
        console.print(f"scale: {error}")
        return USAGE
    finally:
        if not args.keep:
            shutil.rmtree(args.folder, ignore_errors=True)
    record["versions"] = installed_versions()
    console.print(json.dumps(record["memory"], indent=2))
    write_json(args.json, record)
    if args.json == RESULT:
        README.write_text(fill_section(README.read_text(), "stream", describe(record)))
    return 0


def describe(record: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    formats = " and ".join(
        f"{ms:.2f} ms from {name[:-4]}" for name, ms in record["formats"].items()
    )
    speed = record["throughput"]
    rows = [
        [
            name,
            f"{process['peak_gb']['all']:.2f}",
            f"{process['peak_gb']['own']:.2f}",
            f"{process['first_steps_s']:.0f}",
            f"{process['steps_per_s']:.1f}",
            f"{process['read_gb']:.2f}",
            f"{process['cpu_s']:.0f}",
        ]
        for name, process in record["memory"].items()
    ]
    titles = (
        "shards, source",
        "resident, GB",
        "without mapped files, GB",
        "first steps, s",
        "steps/s",
        "read from disk, GB",
        "CPU, s",
    )
    return (
        f"64 windows of 64 states take {formats}. Training from disk runs at "
        f"{speed['stream_over_memory']:.0%} of the speed from memory by the clock, and at "
        f"{speed['stream_over_memory_by_cpu_time']:.0%} by CPU time (medians of "
        f"{speed['rounds']} turns of {speed['steps_per_round']} steps). The large dataset has "
        f"{record['gigabytes']:.1f} GB:\n\n{table(titles, rows)}"
    )


def throughput(directory: Path, *, steps: int, rounds: int) -> dict[str, Any]:
    """Return steps per second from memory and from disk, timed by turns in one process.

    Args:
        directory: Shards.
        steps: Steps per turn.
        rounds: Turns of each.
    """
    config = Config()
    data = ShardedTrajectories(directory)
    scale = Scale(*fit_normalizers(data))
    layout = TokenLayout.create(data.layout, config.data)
    model = Model(layout, config.net, config.diffusion)
    spec = TrainSpec(model, config.data, config.training)
    stream = WindowStream(
        data,
        layout,
        config=config.data,
        scale=scale,
        batch=config.training.batch_size,
        seed=config.training.seed,
    )
    arrays = make_training_arrays(data.load(), config.data, scale.states, actions=scale.actions)

    def from_memory(state: TrainState, stop: int) -> TrainState:
        return train_until(spec, arrays, state, np.int32(stop))[0]

    with streamed(spec, stream, 0, (rounds + 1) * steps) as from_disk:
        ways: dict[str, Callable[[TrainState, int], TrainState]] = {
            "memory": from_memory,
            "stream": lambda state, stop: from_disk(state, stop)[0],
        }
        states = {name: init_state(spec) for name in ways}
        wall: dict[str, list[float]] = {name: [] for name in ways}
        cpu: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(1, rounds + 2):  # the first turn compiles
            for name, advance in ways.items():
                wall_start = time.perf_counter()
                cpu_start = time.process_time()
                states[name] = jax.block_until_ready(advance(states[name], turn * steps))
                wall[name].append(time.perf_counter() - wall_start)
                cpu[name].append(time.process_time() - cpu_start)
    ratios = np.array(wall["memory"][1:]) / np.array(wall["stream"][1:])
    cpu_ratios = np.array(cpu["memory"][1:]) / np.array(cpu["stream"][1:])
    per_second = {name: steps / float(np.median(times[1:])) for name, times in wall.items()}
    return {
        "steps_per_second": per_second,
        "stream_over_memory": float(np.median(ratios)),
        "stream_over_memory_by_cpu_time": float(np.median(cpu_ratios)),
        "rounds": rounds,
        "steps_per_round": steps,
        "batch_size": config.training.batch_size,
    }


def _resident(directory: Path, source: str, steps: int) -> dict[str, Any]:
    """Return the memory and start-up time of training in a process of its own."""
    options = {"--source": source, "--steps": steps}
    child = subprocess.run(
        [
            sys.executable,
            "-m",
            "experiments.scale.resident",
            str(directory),
            *(str(text) for option in options.items() for text in option),
        ],
        capture_output=True,
        text=True,
    )
    if child.returncode:
        reason = shorten(" ".join(child.stderr[-500:].split()), 300)
        raise UserError(f"{directory} from {source}: {reason}")
    return json.loads(child.stdout.splitlines()[-1])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.scale.stream",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, required=True, help="new folder for the shards")
    parser.add_argument("--gigabytes", type=float, default=50.0, help="size of the large dataset")
    parser.add_argument("--steps", type=int, default=64, help="steps per timed turn")
    parser.add_argument("--rounds", type=int, default=7, help="timed turns of each way")
    parser.add_argument("--resident-steps", type=int, default=300, help="steps of each process")
    parser.add_argument("--keep", action="store_true", help="keep the shards")
    parser.add_argument("--json", type=Path, default=RESULT, help="file to write")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
