"""Import of optional dependencies, with an error that names the extra to install."""

import importlib
from types import ModuleType

from dfplan.types import UserError, one_line


def import_optional(module: str, extra: str, what: str) -> ModuleType:
    """Import a module that belongs to an optional extra of dfplan.

    Args:
        module: Module to import.
        extra: Extra of dfplan that installs it.
        what: Feature that needs it, as the subject of the error message.

    Raises:
        UserError: If the module is not installed (the message has the command that installs it), or
            is installed and cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        top = module.partition(".")[0]
        package = top.replace("_", "-")
        if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] == top:
            raise UserError(f'{what} needs {package}: pip install "dfplan[{extra}]"') from error
        raise UserError(
            f"{what} needs {package}, which is installed but cannot be imported: {one_line(error)}"
        ) from error
