"""`dfplan export`."""

import dataclasses
from collections.abc import Sequence

from dfplan.cli.common import (
    File,
    Folder,
    RunDir,
    check_at_least,
    check_outputs,
    console,
    write_json,
)
from dfplan.cli.runs import parse_with_run
from dfplan.export.onnx import export_denoiser
from dfplan.export.write import DEFAULT_PLATFORMS, export
from dfplan.planner.config import PlannerConfig
from dfplan.types import UserError
from dfplan.util.optional import import_optional


@dataclasses.dataclass(frozen=True)
class Args:
    """Export a run's compiled planner to files that need only JAX and NumPy.

    Load them with `dfplan.export.load(DIR)`, which does not need Flax. The planner settings default
    to those of the run and are fixed in the files.

    Attributes:
        run: Run directory, or a task name for its pretrained planner (see `dfplan tasks`); must
            precede the options.
        out: Output directory; must be new or empty. (required)
        batch: Batch sizes (robots to plan for at once) to compile; other batches use the next
            larger size.
        platforms: Platforms to compile for, of cpu, cuda, rocm and tpu; they need not be present on
            this machine.
        onnx: Also write the denoiser alone, for ONNX runtimes, to this file.
        json: Also write the directory and its size to this file.
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
    args, resolved = parse_with_run(Args, "export", argv)
    if args.out is None:
        raise UserError("--out is missing: the output directory")
    for batch in args.batch:
        check_at_least(1, batch=batch)
    check_outputs(args.json, args.onnx)
    if args.onnx:
        import_optional("jax2onnx", "onnx", "--onnx")
    run = resolved.run
    weights = resolved.load_weights()
    if args.onnx:
        export_denoiser(run, weights, args.onnx)
        console.print(f"wrote {args.onnx}")
    size = export(run, weights, args.out, batches=args.batch, platforms=args.platforms)
    console.print(f"{args.out}: {size / 1e6:.2f} MB; next: dfplan.export.load({str(args.out)!r})")
    write_json(args.json, {"directory": str(args.out), "bytes": size})
    return 0
