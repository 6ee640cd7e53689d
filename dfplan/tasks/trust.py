"""Trust: which code that a file names may be imported.

A run names functions ("module:function") and an environment (a Gymnasium id, perhaps with the
module that registers it). The author of the file chose these names, so importing them would run
code of the author's choice. Names that come from a file are therefore `UntrustedName`s. Of these,
`dfplan.tasks.load.load_function` imports only what an installed package declares: in one of its
tasks or, for a tracker, as an entry point of the group `dfplan.trackers`.
`dfplan.tasks.make_env.make_env` makes only environments that are declared in this way or already
registered. A plain `str` was written by the user or the programmer, and is trusted.
"""

import dataclasses
from importlib.metadata import entry_points
from pathlib import Path

from dfplan.tasks.registry import Task, all_tasks
from dfplan.types import UserError

IMPORTED = ("collector", "policy", "tracker", "checkpoint", "markers")
"""Attributes of a task that name objects or folders to import from a module."""
TRACKERS = "dfplan.trackers"
"""Entry-point group of trackers that belong to no task of their package."""
COMPATIBILITY_IDS = ("GymV21Environment", "GymV26Environment")
"""Registered environments that import and make another one, which their arguments name."""


class UntrustedCodeError(UserError):
    """An error for code that an untrusted file names and no installed package declares."""


class UntrustedName(str):
    """A name of code that was read from a file; displayed, compared and saved like other text.

    Attributes:
        field: Attribute of the task that it is the value of, such as "tracker".
        file: File that it was read from.
    """

    field: str
    file: str

    def __new__(cls, name: str, field: str = "", file: Path | str = ""):
        """Create a name; copying calls this without `field` and `file`."""
        instance = super().__new__(cls, name)
        instance.field = field
        instance.file = str(file)
        return instance


def distrust(task: Task, file: Path | str) -> Task:
    """Return a task that was read from a file, with its names of code marked as untrusted.

    Args:
        task: Task as read.
        file: File that it was read from.

    Raises:
        UserError: If one of these names is not text.
    """
    names = {}
    for field in ("env", *IMPORTED):
        name = getattr(task, field)
        if not isinstance(name, str):
            raise UserError(f"task.{field} is {name!r}; needed: text")
        names[field] = UntrustedName(name, field, file)
    return dataclasses.replace(task, **names)


def trust(task: Task) -> Task:
    """Return a task whose names of code are all trusted."""
    names = {field: str(getattr(task, field)) for field in IMPORTED}
    env = str(task.env) if isinstance(task.env, str) else task.env
    return dataclasses.replace(task, env=env, **names)


def untrusted_code(task: Task) -> dict[str, str]:
    """Return the names of code that dfplan refuses to import, by attribute of the task."""
    refused = {}
    for field in ("env", *IMPORTED):
        name = getattr(task, field)
        check = registered_id if field == "env" else check_importable
        try:
            check(name)
        except UntrustedCodeError:
            refused[field] = str(name)
    return refused


def check_importable(name: str) -> None:
    """Check that the module of "module:function" or "package:folder" may be imported.

    Raises:
        UntrustedCodeError: If the name comes from a file, and no installed package declares it.
    """
    if name and isinstance(name, UntrustedName) and name not in _declared(name.field):
        raise UntrustedCodeError(
            f"{name.file} asks to import its {name.field} {str(name)!r}, which no installed "
            f"package declares; {_how_to_trust()}"
        )


def registered_id(env_id: str) -> str:
    """Return the Gymnasium id by which an environment is made.

    For an untrusted "module:Env-v0" that no installed package declares, this is "Env-v0", so that
    the module is not imported.

    Raises:
        UntrustedCodeError: If the id comes from a file, and making its environment would import a
            module that the file names.
    """
    if not isinstance(env_id, UntrustedName):
        return env_id
    import gymnasium

    if env_id in _declared("env"):  # Loading the tasks also registers their environments.
        return str(env_id)
    module, _, name = env_id.rpartition(":")
    if name.startswith(COMPATIBILITY_IDS) or (module and name not in gymnasium.registry):
        what = f"the module {module!r}" if module else "another environment's module"
        raise UntrustedCodeError(
            f"{env_id.file} asks to import {what} for its environment {str(env_id)!r}; "
            f"{_how_to_trust()}, or name the environment yourself (--env ID)"
        )
    return name


def _declared(field: str) -> set[str]:
    """Return what installed packages declare for an attribute of a task."""
    names = {getattr(task, field) for task in all_tasks().values()}
    if field == "tracker":
        names |= {point.value for point in entry_points(group=TRACKERS)}
    return names


def _how_to_trust() -> str:
    return "if you know and trust that code, allow it: --trust-code (trust_code=True in Python)"
