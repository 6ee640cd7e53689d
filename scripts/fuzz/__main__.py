"""Fuzz everything that reads files or options: `python -m scripts.fuzz [TARGET ...] --cases 1000`.

Every case runs in a child process of limited memory and time. It may succeed or be refused with a
`UserError` of one line; anything else is a failure, which is printed with its seed:
`python -m scripts.fuzz TARGET --first SEED --cases 1` repeats it.
"""

import argparse
import collections
import faulthandler
import json
import logging
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from dfplan.types import MAX_MESSAGE, UserError
from dfplan.util.compilation_cache import OPT_OUT
from scripts.fuzz.targets import TARGETS

MEMORY_BYTES = 4 * 2**30
CASE_SECONDS = 60
CHUNK = 1000
"""Cases per child process."""


def check(case, seed: int) -> str:
    """Run a case; return "read" or "refused", or raise any other exception."""
    try:
        case(random.Random(seed))
    except UserError as error:
        message = str(error)
        assert "\n" not in message and len(message) <= 2 * MAX_MESSAGE, message
        return "refused"
    return "read"


def run_cases(target: str, first: int, count: int, folder: Path) -> None:
    """Run cases in this process; before each one, write the counts so far to the file `seed`."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    faulthandler.enable()
    logging.disable()
    warnings.simplefilter("ignore")
    inputs = folder / "inputs"
    inputs.mkdir()
    case = TARGETS[target](inputs)
    counts: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    for seed in range(first, first + count):
        (folder / "seed").write_text(json.dumps({"seed": seed, **counts, "slowest": slowest}))
        faulthandler.dump_traceback_later(CASE_SECONDS, exit=True)
        begin = time.monotonic()
        try:
            counts[check(case, seed)] += 1
        except Exception:
            counts["failed"] += 1
            print(f"{target}, seed {seed}: {traceback.format_exc(limit=-3)}", file=sys.stderr)
        slowest = max(slowest, time.monotonic() - begin)
    faulthandler.cancel_dump_traceback_later()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    (folder / "seed").write_text(
        json.dumps({"seed": first + count, **counts, "slowest": slowest, "peak": peak})
    )


def run_child(target: str, first: int, count: int) -> tuple[dict, list[str]]:
    """Run cases in a child process; return its counts, and the files it wrote outside its inputs.

    If the child dies or hangs, its current case has failed, and the others run in another child.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = folder / "place"
        place.mkdir()
        command = [sys.executable, "-m", "scripts.fuzz", target, "--child", str(folder)]
        environment = {**os.environ, "HOME": str(place), "PYTHONPATH": os.pathsep.join(sys.path)}
        environment |= {OPT_OUT: "1", "JAX_PLATFORMS": "cpu"}
        process = subprocess.run(
            [*command, "--first", str(first), "--cases", str(count)], cwd=place, env=environment
        )
        record = json.loads((folder / "seed").read_text())
        if process.returncode:
            print(f"{target}, seed {record['seed']}: exit code {process.returncode}")
            record["failed"] = record.get("failed", 0) + 1
            record["seed"] += 1
        return record, sorted(str(path.relative_to(place)) for path in place.rglob("*"))


def main() -> int:
    """Run the chosen targets and print a table of counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--cases", type=int, default=1000, help="cases per target")
    parser.add_argument("--first", type=int, default=0, help="seed of the first case")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        run_cases(args.targets[0], args.first, args.cases, args.child)
        return 0
    failed = 0
    print("| target | cases | read | refused | failed | slowest, s | peak, MB |")
    print("|---|---|---|---|---|---|---|")
    for target in args.targets or TARGETS:
        total: collections.Counter[str] = collections.Counter()
        slowest = peak = 0.0
        seed = args.first
        end = args.first + args.cases
        while seed < end:
            record, written = run_child(target, seed, min(CHUNK, end - seed))
            seed = record["seed"]
            slowest = max(slowest, record["slowest"])
            peak = max(peak, record.get("peak", 0))
            total.update({name: record.get(name, 0) for name in ("read", "refused", "failed")})
            if written:
                print(f"{target}: written outside: {written}")
                total["failed"] += 1
        failed += total["failed"]
        numbers = f"{total['read']} | {total['refused']} | {total['failed']}"
        print(f"| {target} | {args.cases} | {numbers} | {slowest:.1f} | {peak / 1e6:.0f} |")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
