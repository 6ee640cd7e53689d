"""Training with the public command line: finished runs are skipped, interrupted ones resumed."""

import time
from pathlib import Path

import jax

from dfplan.cli import main
from dfplan.cli.common import console
from dfplan.util.threads import cores
from experiments.common import records
from experiments.common.trained import is_trained

CPU_FILE = "cpu.json"


def train_to_end(directory: Path, command: list[str]) -> None:
    """Train a run to its last step, from scratch or from where it was interrupted.

    Args:
        directory: Directory of the run.
        command: Arguments of `dfplan` that start the run.

    Raises:
        SystemExit: If the command fails or is interrupted, with its exit code.
    """
    if is_trained(directory):
        console.print(f"{directory}: already trained")
        return
    resumed = (directory / "config.json").is_file()
    begin = time.process_time()
    code = main(resume_command(directory) if resumed else command)
    if directory.is_dir():
        _add_cpu_time(directory, resumed, time.process_time() - begin)
    jax.clear_caches()  # the next network compiles other programs
    if code:
        raise SystemExit(code)


def resume_command(directory: Path) -> list[str]:
    """Return the arguments of `dfplan` that resume a run."""
    return ["train", "--out", str(directory), "--resume"]


def _add_cpu_time(directory: Path, resumed: bool, seconds: float) -> None:
    """Add to a run's total CPU time; a run that was started elsewhere gets no total."""
    previous = records.read(directory / CPU_FILE)
    if resumed and previous is None:
        return
    total = seconds + (previous["cpu_seconds"] if previous else 0.0)
    records.write(directory / CPU_FILE, {"cpu_seconds": total, "cores": cores()})
