"""The file `config.json` of a run: JSON in and out, with one readable line for every error."""

import contextlib
import importlib.metadata
import json
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dfplan.types import UserError, one_line
from dfplan.util.readers import read_json, reading

FORMAT = 1
CONFIG = "config.json"
PACKAGES = ("dfplan", "jax", "flax", "optax", "orbax-checkpoint", "gymnasium", "minari", "numpy")


def encode_record(record: dict[str, Any]) -> str:
    """Return a run's record as the text of its `config.json`.

    Raises:
        UserError: If the task's `env_kwargs` cannot be written as JSON.
    """
    try:
        return json.dumps({"format": FORMAT, **record}, indent=2, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise UserError(
            f"the task cannot be written as JSON ({one_line(error)}); "
            "env_kwargs may hold numbers, strings, lists and dicts of them"
        ) from error


def write_record(text: str, directory: Path) -> None:
    """Write the text of a `config.json` atomically.

    Raises:
        OSError: If it cannot be written.
    """
    part = directory / f"{CONFIG}.part"
    part.write_text(text)
    part.replace(directory / CONFIG)


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
            yield record
    except UserError as error:
        text = str(error)
        raise UserError(text if text.startswith(str(path)) else f"{path}: {text}") from error


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a run depends on."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
