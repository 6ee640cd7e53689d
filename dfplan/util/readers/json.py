"""JSON files whose top level is an object."""

import json
from pathlib import Path
from typing import Any

from dfplan.types import UserError
from dfplan.util.readers.errors import reading

MAX_BYTES = 2**26
"""Size of the largest file that is read; parsed JSON takes about ten times as much memory."""


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: UTF-8 file.

    Raises:
        UserError: If the file is missing, too large, not UTF-8, not JSON or not an object.
    """
    with reading(path, "JSON"):
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UserError(f"{path} has {size} bytes of JSON; valid: at most {MAX_BYTES}")
        value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise UserError(f"{path} holds a JSON {type(value).__name__}; needed: an object")
    return value
