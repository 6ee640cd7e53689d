"""need: a package of an optional extra, or one line that names the extra."""

import importlib
from types import ModuleType

from dfplan.types import UserError


def import_optional(module: str, extra: str, what: str) -> ModuleType:
    """Import a package that comes with an extra of dfplan's.

    Args:
        module: to import.
        extra: of dfplan that brings it.
        what: what needs it, as a sentence begins.

    Raises:
        UserError: when it is not installed, with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0].replace("_", "-")
        raise UserError(f'{what} needs {package}: pip install "dfplan[{extra}]"') from error
