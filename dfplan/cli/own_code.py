"""Import of the user's own modules, which may be in the current directory.

The current directory, which may be a downloaded folder, is not on Python's module path, so that a
file in it is never imported in place of a missing package. It is added, after everything that is
installed, only during the import of a module that the user names: with `--policy`, with
`--env module:Env-v0`, or through a run with `--trust-code`.
"""

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from dfplan.tasks.load import load_function
from dfplan.tasks.trust import untrusted_code
from dfplan.types import UserError, one_line

if TYPE_CHECKING:  # Commands without a run import no JAX.
    from dfplan.runs.resolve import ResolvedRun


@contextlib.contextmanager
def current_directory_importable() -> Iterator[None]:
    """Let modules be imported from the current directory too, after all others."""
    try:
        directory = os.getcwd()
    except FileNotFoundError:  # it has been removed
        yield
        return
    sys.path.append(directory)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        # A module may have changed the path for itself, so only this entry is taken back.
        sys.path[:] = [entry for entry in sys.path if entry is not directory]


def load_own_function(path: str) -> Callable[..., Any]:
    """Import the function "module:function" that the user names; see `load_function`."""
    with current_directory_importable():
        return load_function(path)


def import_own_env(env_id: str) -> None:
    """Import the module of an environment "module:Env-v0" that the user names.

    An id without a module, or with a module that does not exist, is left to `make_env`.

    Raises:
        UserError: If importing the module fails.
    """
    import gymnasium

    module, colon, name = env_id.rpartition(":")
    if not colon:
        return
    with current_directory_importable():
        _import(module, env_id)
        spec = gymnasium.registry.get(name)
        if spec is not None and isinstance(spec.entry_point, str):
            _import(spec.entry_point.partition(":")[0], env_id)


def trust_run(resolved: "ResolvedRun") -> "ResolvedRun":
    """Return a run that may import the code it names, including the user's own modules.

    Raises:
        UserError: If importing one of the modules fails.
    """
    names = untrusted_code(resolved.run.task)
    env_id = names.pop("env", "")
    if env_id:
        import_own_env(env_id)
    with current_directory_importable():
        for name in names.values():
            _import(name.partition(":")[0], name)
    return resolved.trust()


def _import(module: str, name: str) -> None:
    """Import the module that a name begins with; one that does not exist is left for later."""
    try:
        importlib.import_module(module)
    # The module may raise anything, or try to end the process.
    except (Exception, SystemExit) as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name
        if missing and f"{module}.".startswith(f"{missing}."):
            return
        raise UserError(f"cannot import {module!r} of {name!r}: {one_line(error)}") from error
