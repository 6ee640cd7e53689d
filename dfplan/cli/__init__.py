"""The command line. This module imports nothing heavy, so that `dfplan --help` is instant."""

import importlib
import keyword
import os
import sys
from collections.abc import Sequence

from dfplan import __version__

COMMANDS = {
    "tasks": "list the tasks of the installed packages",
    "collect": "collect a dataset (a task's controller, or your own policy)",
    "import": "convert files (D4RL, OGBench, LeRobot, NumPy, CSV) to a dataset",
    "dataset": "inspect a dataset and flag problems; list local datasets",
    "train": "train a planner on a dataset",
    "eval": "evaluate a trained planner in its environment",
    "plan": "make one plan for a given start and goal",
    "render": "record episodes as video, with plans overlaid",
    "report": "write an HTML report about a run and its evaluations",
    "predict": "forecast trajectories, with calibrated intervals",
    "info": "show a run's task, dataset, settings and checkpoint",
    "bench": "measure planning and training speed on this machine",
    "pack": "copy a run without its training state",
    "export": "export a compiled planner that runs without Flax",
}

OK = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Arguments after the program's name; those of the process if None.

    Returns:
        Exit code: 0 on success, 1 if the command failed, 2 if the user's input cannot be used,
        130 if the command was interrupted.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    if "" not in sys.path:
        sys.path.append("")  # The current directory, after everything that is installed.
    try:
        code = _run(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as interrupt:
        return _fail("; ".join(["interrupted", *interrupt.args]), INTERRUPTED)
    except BrokenPipeError:  # Such as `dfplan train --help | head`.
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
        return _fail(f"error: unknown command {args[0]!r}; valid: {', '.join(COMMANDS)}", USAGE)
    from dfplan.types import UserError

    try:
        command = importlib.import_module(f"dfplan.cli.{_module(args[0])}")
        if "jax" in sys.modules:  # otherwise the command compiles nothing
            from dfplan.util.compilation_cache import enable_compilation_cache

            enable_compilation_cache()
        return command.main(args[1:])
    except UserError as error:
        return _fail(f"error: {error}", USAGE)
    except SystemExit as stop:  # Raised by tyro after --help.
        return int(stop.code or OK)


def _module(command: str) -> str:
    """Return the module of a command; `import` cannot be a module's name."""
    return f"{command}_" if keyword.iskeyword(command) else command


def _fail(message: str, code: int) -> int:
    print(f"dfplan: {message}", file=sys.stderr)
    return code


def _overview() -> str:
    rows = "\n".join(f"  {name:<10}{text}" for name, text in COMMANDS.items())
    return f"""usage: dfplan COMMAND ...

Plan with Diffusion Forcing in Gymnasium environments.

{rows}

Run `dfplan COMMAND --help` for the options of a command.
Typical workflow: dfplan collect TASK, dfplan train TASK --out RUN, dfplan eval RUN."""
