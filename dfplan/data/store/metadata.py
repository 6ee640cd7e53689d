"""Metadata of a dataset; reading them imports no code and makes no environment."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.types import UserError, check_choice, one_line, short_repr

METADATA_FILE = "metadata.json"
DEFAULT_FORMAT = "hdf5"
SPACES = ("Box", "Dict", "Discrete", "MultiBinary", "MultiDiscrete", "Text", "Tuple")
"""Types of spaces that Minari stores."""


@dataclasses.dataclass(frozen=True)
class Metadata:
    """Metadata of a Minari dataset.

    Attributes:
        dataset_id: Minari id that the dataset was written under.
        total_episodes: Number of episodes.
        total_steps: Number of steps of all episodes.
        observation_space: Gymnasium space of an observation.
        action_space: Gymnasium space of an action.
        data_format: Minari's name of the file format.
        jpeg_encoding: Whether images are stored as JPEG.
        env_spec: Gymnasium's specification of the environment as JSON text, which is never used to
            make it; None without one.
        observation_names: Names of the numbers of an observation, which dfplan adds to what Minari
            stores; empty without them.
    """

    dataset_id: str
    total_episodes: int
    total_steps: int
    observation_space: Any
    action_space: Any
    data_format: str
    jpeg_encoding: bool
    env_spec: str | None
    observation_names: tuple[str, ...] = ()


def read_metadata(data: Path) -> Metadata:
    """Read and check the metadata of a dataset.

    Args:
        data: Folder of the dataset's files.

    Raises:
        UserError: If the file is missing or damaged, an entry is missing or has the wrong type, or
            the version of Minari is not supported.
    """
    path = data / METADATA_FILE
    if not path.is_file():
        raise UserError(f"{METADATA_FILE} is missing")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{METADATA_FILE} cannot be read: {one_line(error)}") from error
    if not isinstance(record, dict):
        raise UserError(f"{METADATA_FILE} holds a {type(record).__name__}; needed: an object")
    _check_version(_entry(record, "minari_version", str))
    return Metadata(
        dataset_id=_entry(record, "dataset_id", str),
        total_episodes=_count(record, "total_episodes"),
        total_steps=_count(record, "total_steps"),
        observation_space=_space(record, "observation_space"),
        action_space=_space(record, "action_space"),
        data_format=_data_format(record),
        jpeg_encoding=_entry(record, "jpeg_encoding", bool, True),
        env_spec=_entry(record, "env_spec", str, None),
        observation_names=_names(record, "observation_names"),
    )


_REQUIRED = object()


def _entry(record: dict, name: str, kind: type, default: Any = _REQUIRED) -> Any:
    value = record.get(name, default)
    if value is _REQUIRED:
        raise UserError(f"{METADATA_FILE} has no {name!r}")
    if value is not default and type(value) is not kind:  # JSON has no subclasses
        raise UserError(
            f"{METADATA_FILE}: {name!r} is {short_repr(value)}; needed: a value of type "
            f"{kind.__name__}"
        )
    return value


def _count(record: dict, name: str) -> int:
    count = _entry(record, name, int)
    if count < 0:
        raise UserError(f"{METADATA_FILE}: {name!r} is {short_repr(count)}; needed: at least 0")
    return count


def _names(record: dict, name: str) -> tuple[str, ...]:
    names = _entry(record, name, list, [])
    for value in names:
        if not isinstance(value, str):
            raise UserError(f"{METADATA_FILE}: {name!r} holds {short_repr(value)}; needed: names")
    return tuple(names)


def _data_format(record: dict) -> str:
    from minari.dataset._storages import get_storage_keys

    name = _entry(record, "data_format", str, DEFAULT_FORMAT)
    return check_choice(f"{METADATA_FILE}: data format", name, get_storage_keys())


def _check_version(version: str) -> None:
    from minari import supported_dataset_versions

    if version not in supported_dataset_versions:
        versions = ", ".join(sorted(supported_dataset_versions))
        raise UserError(f"Minari {version[:60]} wrote it; supported: {versions}")


def _space(record: dict, name: str) -> Any:
    """Return a space that is stored as JSON text.

    A dataset without spaces is refused: to get them, Minari would make the environment, and so run
    code that a file names.
    """
    from minari.serialization import deserialize_space

    text = _entry(record, name, str)
    try:
        node = json.loads(text)
        _check_space(node)
        return deserialize_space(node)
    except Exception as error:  # Gymnasium and Minari raise many types for a damaged space
        reason = one_line(error)
        raise UserError(f"{METADATA_FILE}: {name!r} is not a space: {reason}") from error


def _check_space(node: Any) -> None:
    """Check that every Box has as many bounds as numbers, before memory is allocated."""
    kind = check_choice("type of space", node["type"], SPACES)
    if kind in ("Dict", "Tuple"):
        subspaces = node["subspaces"]
        for subspace in subspaces.values() if kind == "Dict" else subspaces:
            _check_space(subspace)
    if kind != "Box":
        return
    dtype = np.dtype(str(node["dtype"]))
    if dtype.kind not in "biuf":
        raise UserError(f"a Box of {dtype}; needed: numbers")
    shape = tuple(node["shape"])
    for name in ("low", "high"):
        bounds = np.array(node[name], dtype)
        if bounds.shape != shape:
            raise UserError(
                f"a Box of shape {short_repr(shape)} with {name} of shape {bounds.shape}"
            )
