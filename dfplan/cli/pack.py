"""`dfplan pack`."""

import dataclasses
from collections.abc import Sequence

from dfplan.cli.common import (
    File,
    Folder,
    RunDir,
    check_outputs,
    console,
    parse,
    quoted,
    write_json,
)
from dfplan.runs.pack import pack
from dfplan.types import UserError


@dataclasses.dataclass(frozen=True)
class Args:
    """Copy a run without its training state: only the settings and the newest weights.

    Attributes:
        run: Run directory.
        out: Directory of the copy; must be new or empty. (required)
        json: Also write the directory and its size to this file.
    """

    run: RunDir
    out: Folder = None
    json: File = None


def main(argv: Sequence[str]) -> int:
    """Copy a run."""
    args = parse(Args, "pack", argv)
    if args.out is None:
        raise UserError("--out is missing: the directory of the copy")
    check_outputs(args.json)
    size = pack(args.run, args.out)
    console.print(f"{args.out}: {size / 1e6:.2f} MB; next: {quoted('eval', args.out)}")
    write_json(args.json, {"run": str(args.out), "bytes": size})
    return 0
