"""Import of optional dependencies, with an error that names the extra to install."""

import importlib
from types import ModuleType

from dfplan.types import UserError


def import_optional(module: str, extra: str, what: str) -> ModuleType:
    """Import a module that belongs to an optional extra of dfplan.

    Args:
        module: Module to import.
        extra: Extra of dfplan that installs it.
        what: Feature that needs it, as the subject of the error message.

    Raises:
        UserError: If the module is not installed; the message has the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0].replace("_", "-")
        raise UserError(f'{what} needs {package}: pip install "dfplan[{extra}]"') from error
