"""Measurements on disk: JSON files that say what was asked for, so that none is made twice."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dfplan.cli.common import write_json


def read(path: Path) -> dict[str, Any] | None:
    """The record in a file, or None where there is none."""
    return json.loads(path.read_text()) if path.is_file() else None


def is_done(path: Path, asked: dict[str, Any]) -> bool:
    """Whether a file holds the answer to just this question.

    One that was asked of other weights, settings or seeds does not.
    """
    record = read(path)
    return record is not None and record["asked"] == json.loads(json.dumps(asked))


def find(paths: Iterable[Path], asked: dict[str, Any]) -> Path | None:
    """The first file that holds the answer, or None."""
    return next((path for path in sorted(paths) if is_done(path, asked)), None)


def write(path: Path, record: dict[str, Any]) -> None:
    """Write a record, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    write_json(part, record)
    part.replace(path)
