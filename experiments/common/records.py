"""Measurements on disk: JSON files that store their request, so that none is measured twice."""

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from dfplan.cli.common import console, write_json


def read(path: Path) -> dict[str, Any] | None:
    """Return the record in a file, or None if there is no file."""
    return json.loads(path.read_text()) if path.is_file() else None


def is_done(path: Path, request: dict[str, Any]) -> bool:
    """Return whether a file holds the result of exactly this request.

    The result of other weights, settings or seeds does not count.
    """
    record = read(path)
    return record is not None and record.get("request") == json.loads(json.dumps(request))


def find(paths: Iterable[Path], request: dict[str, Any]) -> Path | None:
    """Return the first file, in sorted order, that holds the result of the request, or None."""
    return next((path for path in sorted(paths) if is_done(path, request)), None)


def write(path: Path, record: dict[str, Any]) -> None:
    """Write a record atomically."""
    write_json(path, record)


def measure_once(
    path: Path, request: dict[str, Any], measure: Callable[[], dict[str, Any]]
) -> None:
    """Measure and write a record unless the file already holds the result of the request.

    Args:
        path: File of the record.
        request: Everything that the result depends on, as JSON.
        measure: Returns the result; the request and the seconds it took are added.
    """
    if is_done(path, request):
        console.print(f"{path}: already measured")
        return
    console.print(f"{path}: measuring")
    begin = time.perf_counter()
    result = measure()
    seconds = time.perf_counter() - begin
    write(path, {"request": request, **result, "seconds": seconds})
