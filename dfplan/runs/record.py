"""The file `config.json` of a run: JSON in and out, with one readable line for every error."""

import contextlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dfplan.types import UserError, one_line
from dfplan.util import files
from dfplan.util.readers import read_json, reading

FORMAT = 1
CONFIG = "config.json"


def encode_record(record: dict[str, Any]) -> str:
    """Return a run's record as the text of its `config.json`, with a checksum.

    Raises:
        UserError: If the task's `env_kwargs` cannot be written as JSON.
    """
    record = {"format": FORMAT, **record}
    try:
        signed = {**record, "checksum": _checksum(record)}
        return json.dumps(signed, indent=2, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise UserError(
            f"the task cannot be written as JSON ({one_line(error)}); "
            "env_kwargs may hold numbers, strings, lists and dicts of them"
        ) from error


def write_record(text: str, directory: Path) -> None:
    """Write the text of a `config.json` atomically.

    Raises:
        UserError: If it cannot be written.
    """
    files.write_text(directory / CONFIG, text)


@contextlib.contextmanager
def open_record(directory: Path | str) -> Iterator[dict[str, Any]]:
    """Yield the record in a run's `config.json`; the run is built from it inside the context.

    Raises:
        UserError: If there is no `config.json`, or reading it or building the run from it fails.
    """
    path = Path(directory) / CONFIG
    if not path.is_file():
        raise UserError(f"{directory} is not a run: it has no {CONFIG}; train one with --out")
    record = read_json(path)
    try:
        with reading(path, "a run"):
            if record["format"] != FORMAT:
                raise UserError(f"format {record['format']!r}; valid here: {FORMAT}")
            _check_checksum(record)
            yield record
    except UserError as error:
        text = str(error)
        names_file = text.startswith(str(path.parent))
        raise UserError(text if names_file else f"{path}: {text}") from error


def _checksum(record: dict[str, Any]) -> int:
    """Return the CRC-32 of a record, which ignores the order of its entries and white space."""
    return zlib.crc32(json.dumps(record, sort_keys=True, allow_nan=False).encode())


def _check_checksum(record: dict[str, Any]) -> None:
    """Remove the checksum from a record, and check it; a record without one is accepted.

    Raises:
        UserError: If the record has changed since it was written.
    """
    checksum = record.pop("checksum", None)
    if checksum is not None and checksum != _checksum(record):
        raise UserError(
            'it has changed since it was written; if you edited it, remove its "checksum"'
        )
