"""Loading of what tasks name: functions "module:function", pretrained runs "package:folder"."""

import importlib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from dfplan.tasks.registry import Task
from dfplan.tasks.trust import check_importable
from dfplan.types import UserError, one_line


def checkpoint_folder(task: Task) -> Path:
    """Return the folder of the pretrained run that ships with a task.

    Raises:
        UserError: If its package is not installed, is not installed as plain files or lacks the
            folder.
        UntrustedCodeError: As `load_function`.
    """
    check_importable(task.checkpoint)
    package, _, folder = task.checkpoint.partition(":")
    try:
        path = files(package) / folder
    except (ImportError, TypeError, ValueError) as error:
        raise UserError(f"checkpoint {task.checkpoint!r}: {one_line(error)}") from error
    if not isinstance(path, Path):
        raise UserError(
            f"checkpoint {task.checkpoint!r} is in {path}, an archive; "
            f"install {package} as plain files, with pip"
        )
    if not path.is_dir():
        raise UserError(
            f"checkpoint {task.checkpoint!r}: {path} does not exist; reinstall {package}"
        )
    return path


def load_function(path: str) -> Callable[..., Any]:
    """Import the function that "module:function" names.

    Raises:
        UserError: If the module or the function does not exist, or the object is not callable.
        UntrustedCodeError: If the name comes from a file and may not be imported; see
            `dfplan.tasks.trust`.
    """
    check_importable(path)
    module, _, name = path.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:  # another package's code may raise anything
        reason = one_line(error)
        raise UserError(f"cannot load {path!r} ({reason}); expected 'module:function'") from error
    if not callable(function):
        raise UserError(f"{path!r} is a {type(function).__name__}; expected 'module:function'")
    return function
