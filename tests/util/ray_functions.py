"""Functions of jobs that workers of a Ray cluster import."""

import os
import signal
import sys
import time
from pathlib import Path

from dfplan.types import UserError


def square(arguments, report):
    if arguments.get("exits"):
        raise SystemExit(3)
    if arguments.get("refuses"):
        raise UserError("refused; valid: others")
    return str(arguments["number"] ** 2).encode()


def die_once(arguments, report):
    """Square a number, in a process that is killed with -9 when it first does so."""
    mark = Path(arguments["mark"])
    if not mark.exists():
        mark.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.environ["PJRT_NPROC"] == "1" and os.environ["MINARI_DATASETS_PATH"] == "/somewhere"
    assert str(Path.cwd()) == arguments["folder"] and arguments["folder"] not in sys.path
    return square(arguments, report)


def wait_for_ctrl_c(arguments, report):
    Path(arguments["mark"]).write_text("")
    try:
        for _ in range(600):
            time.sleep(0.1)  # a longer one would be completed first
    except KeyboardInterrupt:
        Path(arguments["mark"]).write_text("saved")
        raise
    return b""
