"""Measure sharded training on virtual devices: python -m experiments.scale.sharding."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dfplan.cli.common import console
from dfplan.types import UserError
from dfplan.util.files import write_json
from dfplan.util.versions import installed_versions
from experiments.common.stages import USAGE

RESULT = Path(__file__).with_name("sharding.json")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure each number of devices, data parallel and fully sharded, and write JSON."""
    args = _parser().parse_args(argv)
    layouts = [(n, fsdp) for n in args.devices for fsdp in sorted({1, n})]
    try:
        rows = [_measure(n, fsdp, args.steps, args.width) for n, fsdp in layouts]
    except UserError as error:
        console.print(f"scale: {error}")
        return USAGE
    record = {
        "note": "virtual devices share the cores of one machine: their step times check the "
        "layout and say nothing about speed on real devices",
        "cores": os.cpu_count(),
        "layouts": rows,
        "versions": installed_versions(),
    }
    write_json(args.json, record)
    return 0


def _measure(devices: int, fsdp: int, steps: int, width: int) -> dict[str, Any]:
    """Measure one layout in a process of its own, as JAX fixes its devices when it starts."""
    flag = f"--xla_force_host_platform_device_count={devices}"
    options = {"--fsdp-devices": fsdp, "--steps": steps, "--width": width}
    child = subprocess.run(
        [
            sys.executable,
            "-m",
            "experiments.scale.measure_mesh",
            *(str(text) for option in options.items() for text in option),
        ],
        env={
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flag}",
        },
        capture_output=True,
        text=True,
    )
    if child.returncode:
        raise UserError(f"{devices} devices: {child.stderr.strip().splitlines()[-1]}")
    row = json.loads(child.stdout)
    sent = ", ".join(
        f"{kind} {total['bytes'] / 1e6:.2f} MB" for kind, total in row["collectives"].items()
    )
    console.print(
        f"{devices} devices, fsdp {fsdp}: {row['ms_per_step']:.0f} ms per step, "
        f"{row['state_bytes_per_device'] / 1e6:.1f} MB of state per device; {sent or 'alone'}"
    )
    return row


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.scale.sharding", description=__doc__
    )
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--steps", type=int, default=5, help="steps to time")
    parser.add_argument("--width", type=int, default=128, help="width of the network")
    parser.add_argument("--json", type=Path, default=RESULT, help="file to write")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
