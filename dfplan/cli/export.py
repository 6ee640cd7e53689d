"""`dfplan export`."""

import dataclasses
from collections.abc import Sequence

from dfplan.cli.common import (
    File,
    Folder,
    RunDir,
    check_outputs,
    console,
    need_at_least,
    parse_with_run,
    write_json,
)
from dfplan.export.onnx import export_denoiser
from dfplan.export.write import DEFAULT_PLATFORMS, export
from dfplan.planner.config import PlannerConfig
from dfplan.runs.run import load_weights
from dfplan.types import UserError
from dfplan.util.optional import import_optional


@dataclasses.dataclass(frozen=True)
class Args:
    """Write a run's compiled planner as files that need JAX and NumPy alone.

    `dfplan.export.load(DIR)` reads them, without Flax. The planner's settings default to those of
    the run, and are fixed in the files.

    Attributes:
        run: directory of a run, or name of a task that comes trained (see `dfplan tasks`);
            before all options.
        out: directory to write; must not exist, or be empty.
        batch: numbers of robots to plan for at once; smaller batches use the next larger.
        platforms: what it is to run on, of cpu, cuda, rocm and tpu; need not be on this machine.
        onnx: also write the denoiser alone, for ONNX runtimes, to this file.
        json: also write directory and size to this file.
    """

    run: RunDir
    out: Folder = None
    batch: tuple[int, ...] = (1,)
    platforms: tuple[str, ...] = DEFAULT_PLATFORMS
    onnx: File = None
    json: File = None
    planner: PlannerConfig = PlannerConfig()


def main(argv: Sequence[str]) -> int:
    """Export a run."""
    args, found = parse_with_run(
        Args, "export", argv, lambda name, found: Args(name, planner=found.run.config.planner)
    )
    if args.out is None:
        raise UserError("--out is missing: the directory to write")
    for batch in args.batch:
        need_at_least(1, batch=batch)
    check_outputs(args.json, args.onnx)
    if args.onnx:
        import_optional("jax2onnx", "onnx", "--onnx")
    run = found.run.replace_planner(args.planner)
    weights = load_weights(run, found.directory)
    if args.onnx:
        export_denoiser(run, weights, args.onnx)
        console.print(f"wrote {args.onnx}")
    size = export(run, weights, args.out, batches=args.batch, platforms=args.platforms)
    console.print(f"{args.out}: {size / 1e6:.2f} MB; next: dfplan.export.load({str(args.out)!r})")
    write_json(args.json, {"directory": str(args.out), "bytes": size})
    return 0
