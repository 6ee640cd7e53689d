"""The command line. This module imports nothing heavy, so that `dfplan --help` answers at once."""

import importlib
import keyword
import os
import sys
from collections.abc import Sequence

from dfplan import __version__

COMMANDS = {
    "tasks": "list the tasks of the installed packages",
    "collect": "make a dataset: a task's, or with your policy in any environment",
    "import": "make a dataset of files of D4RL, OGBench, LeRobot, NumPy or CSV",
    "dataset": "show what a dataset holds and what would hurt training; list those here",
    "train": "train a planner on a dataset",
    "eval": "drive an environment with a trained planner, and measure it",
    "plan": "make one plan for a given start and goal",
    "render": "film episodes with the plans that are followed",
    "report": "write a page about a run: training, evaluation, plans, video, settings",
    "predict": "continue trajectories, and measure how often they stay in the intervals",
    "info": "show what a run holds",
    "bench": "time the planning and the training of a run on this machine",
    "pack": "copy a run with only what evaluation needs",
    "export": "write a run's compiled planner, for use without Flax",
}

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: arguments after the program's name; the process's own when None.

    Returns:
        Exit code: 0 when all went well, 1 when the command failed, 2 when what the user gave cannot
        be used, 130 when it was interrupted.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    if "" not in sys.path:  # the current directory, behind all that is installed
        sys.path.append("")
    try:
        code = _run(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as interrupt:
        return _say("; ".join(["interrupted", *interrupt.args]), INTERRUPTED)
    except BrokenPipeError:  # such as `dfplan train --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _run(args: list[str]) -> int:
    if not args or args[0] in ("-h", "--help"):
        print(_overview())
        return OK if args else USAGE
    if args[0] == "--version":
        print(f"dfplan {__version__}")
        return OK
    if args[0] not in COMMANDS:
        return _say(f"error: unknown command {args[0]!r}; valid: {', '.join(COMMANDS)}", USAGE)
    from dfplan.types import UserError
    from dfplan.util.compilation_cache import enable_compilation_cache

    enable_compilation_cache()
    try:
        return importlib.import_module(f"dfplan.cli.{_module(args[0])}").main(args[1:])
    except UserError as error:
        return _say(f"error: {error}", USAGE)
    except SystemExit as stop:  # tyro's, after --help or a usage error
        return int(stop.code or OK)


def _module(command: str) -> str:
    return f"{command}_" if keyword.iskeyword(command) else command


def _say(message: str, code: int) -> int:
    print(f"dfplan: {message}", file=sys.stderr)
    return code


def _overview() -> str:
    rows = "\n".join(f"  {name:<10}{text}" for name, text in COMMANDS.items())
    return f"""usage: dfplan COMMAND ...

Plan with Diffusion Forcing on Gymnasium environments.

{rows}

`dfplan COMMAND --help` explains a command and its settings.
The usual way: dfplan collect TASK, dfplan train TASK --out RUN, dfplan eval RUN."""
