"""Measure how long a checkpoint stops training: python -m experiments.scale.checkpoints."""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from dfplan.cli.common import console
from dfplan.config import Config
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.step import TrainSpec, TrainState, init_state
from dfplan.util.files import folder_size, write_json
from dfplan.util.versions import installed_versions
from experiments.scale.measure_mesh import make_model

RESULT = Path(__file__).with_name("checkpoints.json")


def main(argv: Sequence[str] | None = None) -> int:
    """Write checkpoints of a network, and the times to JSON."""
    args = _parser().parse_args(argv)
    config = Config().override({"net.width": args.width, "net.heads": 8})
    state = init_state(TrainSpec(make_model(config), config.data, config.training))
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        rows = _measure(state, Path(folder), args.repeats)
    record = {
        "state_bytes": sum(leaf.nbytes for leaf in jax.tree.leaves(state)),
        "checkpoints": rows,
        "versions": installed_versions(),
    }
    write_json(args.json, record)
    for row in rows:
        console.print(
            f"{row['bytes'] / 1e6:.0f} MB: training stops for {row['stopped_s']:.2f} s of "
            f"{row['complete_s']:.2f} s"
        )
    return 0


def _measure(state: TrainState, folder: Path, repeats: int) -> list[dict[str, Any]]:
    """Return, per checkpoint, the seconds until training continues and until it is complete."""
    rows = []
    with CheckpointStore(folder / "checkpoints") as store:
        for step in range(1, 1 + repeats):
            start_time = time.perf_counter()
            store.save(state._replace(step=jnp.int32(step)))
            stopped = time.perf_counter() - start_time
            store.wait()
            complete = time.perf_counter() - start_time
            size = folder_size(store.directory / str(step))
            rows.append({"bytes": size, "stopped_s": stopped, "complete_s": complete})
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.scale.checkpoints", description=__doc__
    )
    parser.add_argument("--width", type=int, default=512, help="width of the network")
    parser.add_argument("--repeats", type=int, default=5, help="checkpoints to write")
    parser.add_argument("--folder", type=Path, help="folder to write in; default: a temporary one")
    parser.add_argument("--json", type=Path, default=RESULT, help="file to write")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
