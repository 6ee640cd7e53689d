"""The command line. This module imports nothing heavy, so that `dfplan --help` is instant."""

import contextlib
import importlib
import keyword
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from dfplan import __version__
from dfplan.util.interrupts import exit_code, raised_signals
from dfplan.util.printable import printable

COMMANDS = {
    "tasks": "list the tasks of the installed packages",
    "collect": "collect a dataset (a task's controller, or your own policy)",
    "import": "convert files (D4RL, LeRobot, robomimic, tracks, ...) to a dataset",
    "dataset": "inspect a dataset and flag problems; list local datasets",
    "train": "train a planner on a dataset",
    "eval": "evaluate a trained planner in its environment",
    "sweep": "train and evaluate a grid of tasks and training seeds, also on a cluster",
    "serve": "serve a trained planner to robots over a network",
    "plan": "make one plan for a given start and goal",
    "render": "record episodes as video, with plans overlaid",
    "report": "write an HTML report about a run and its evaluations",
    "predict": "forecast trajectories and fill their gaps, with calibrated intervals",
    "info": "show a run's task, dataset, settings and checkpoint",
    "bench": "measure planning and training speed on this machine",
    "pack": "copy a run without its training state",
    "export": "export a compiled planner that runs without Flax",
}

TRACEBACK = "DFPLAN_TRACEBACK"
"""Environment variable; any value except an empty one shows the traceback of unexpected errors."""

OK = 0
FAILED = 1
USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Arguments after the program's name; those of the process if None.

    Returns:
        Exit code: 0 on success, 1 if the command failed, 2 if the user's input cannot be used,
        130 if the command was interrupted, 143 after SIGTERM and 129 after SIGHUP.
    """
    args = [_expand_home(arg) for arg in (sys.argv[1:] if argv is None else argv)]
    try:
        with raised_signals(), _plain_warnings():
            code = _run(args)
            if sys.stdout is not None:  # It is None after `>&-`.
                sys.stdout.flush()
            return code
    except KeyboardInterrupt as interrupt:
        return _fail("; ".join(["interrupted", *interrupt.args]), exit_code(interrupt))
    except BrokenPipeError:  # Such as `dfplan train --help | head`.
        _discard_output()
        return FAILED
    except OSError as error:  # Such as `dfplan info RUN > /dev/full`.
        _discard_output()
        place = error.filename or "standard output"
        return _fail(f"error: {place}: {error.strerror or error}", USAGE)


def _expand_home(arg: str) -> str:
    """Expand ~ at the beginning of an argument, and after `--option=`, where shells do not."""
    option, equals, value = arg.partition("=")
    if equals and option.startswith("--") and value.startswith("~"):
        return f"{option}={os.path.expanduser(value)}"
    return os.path.expanduser(arg)


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print each warning of dfplan as one line, without the source line that raised it."""
    previous = warnings.formatwarning
    folder = os.path.dirname(os.path.dirname(__file__))

    def format_warning(message: Any, category: Any, filename: str, *place: Any) -> str:
        if filename.startswith(folder):
            return f"warning: {message}\n"
        return previous(message, category, filename, *place)

    warnings.formatwarning = format_warning
    try:
        yield
    finally:
        warnings.formatwarning = previous


def _discard_output() -> None:
    """Discard unprinted output, so that Python does not fail again when it flushes it at exit."""
    with contextlib.suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(args: list[str]) -> int:
    if not args or args[0] in ("-h", "--help"):
        print(_overview())
        return OK if args else USAGE
    if args[0] == "--version":
        print(f"dfplan {__version__}")
        return OK
    if args[0] not in COMMANDS:
        return _fail(f"error: unknown command {args[0]!r}; valid: {', '.join(COMMANDS)}", USAGE)
    from dfplan.types import UserError, one_line

    try:
        command = importlib.import_module(f"dfplan.cli.{_module(args[0])}")
        if "jax" in sys.modules:  # otherwise the command compiles nothing
            from dfplan.util.compilation_cache import enable_compilation_cache

            enable_compilation_cache()
        return command.main(args[1:])
    except UserError as error:
        return _fail(f"error: {error}", USAGE)
    except SystemExit as stop:  # Raised by tyro after --help, or by the user's code.
        if isinstance(stop.code, str):
            return _fail(f"error: {stop.code}", FAILED)
        return stop.code or OK
    except OSError:  # `main` reports these.
        raise
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        kind = type(error).__name__
        hint = f"{TRACEBACK}=1 dfplan {args[0]} ... shows where"
        return _fail(f"unexpected {kind}: {one_line(error)}; {hint}", FAILED)


def _module(command: str) -> str:
    """Return the module of a command; `import` cannot be a module's name."""
    return f"{command}_" if keyword.iskeyword(command) else command


def _fail(message: str, code: int) -> int:
    with contextlib.suppress(OSError):  # After SIGHUP there may be no terminal left.
        print(f"dfplan: {printable(message, keep='')}", file=sys.stderr)
    return code


def _overview() -> str:
    rows = "\n".join(f"  {name:<10}{text}" for name, text in COMMANDS.items())
    return f"""usage: dfplan COMMAND ...

Plan with Diffusion Forcing in Gymnasium environments.

{rows}

Run `dfplan COMMAND --help` for the options of a command.
Typical workflow: dfplan collect TASK, dfplan train TASK --out RUN, dfplan eval RUN."""
