"""Minari's folder and the names of the datasets in it."""

import os
from collections.abc import Iterator
from pathlib import Path

from dfplan.types import UserError

VARIABLE = "MINARI_DATASETS_PATH"


def datasets_root() -> Path:
    """Return Minari's folder as an absolute path; create it as Minari does.

    Raises:
        UserError: If the variable that names it is empty, or it is a file or cannot be created.
    """
    text = os.environ.get(VARIABLE)
    if text == "":
        raise UserError(f"{VARIABLE} is empty; needed: a folder, or unset for ~/.minari/datasets")
    root = Path(text or os.path.expanduser("~/.minari/datasets")).absolute()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"Minari's folder {str(root)!r} cannot be used: {error.strerror}; set {VARIABLE} to "
            "another folder"
        ) from error
    return root


def is_dataset_id(text: str) -> bool:
    """Return whether a text is a Minari id: name-v0 or namespace/name-v0."""
    from minari.dataset.minari_dataset import parse_dataset_id

    try:
        parse_dataset_id(text)
    except (TypeError, ValueError):  # Minari raises a TypeError for a missing version
        return False
    return True


def dataset_path(dataset_id: str) -> Path:
    """Return the folder of a dataset, which need not exist.

    Raises:
        UserError: If the id is malformed, or Minari's folder cannot be used.
    """
    if not is_dataset_id(dataset_id):
        raise UserError(
            f"dataset id {dataset_id!r} is malformed; valid: name-v0 or namespace/name-v0"
        )
    return datasets_root() / dataset_id


def dataset_names() -> list[str]:
    """Return the sorted names of all folders that hold data, relative to Minari's folder.

    A name is a dataset's id, unless somebody renamed or copied the folder.

    Raises:
        UserError: If Minari's folder cannot be used.
    """
    root = datasets_root()
    try:
        return sorted(path.relative_to(root).as_posix() for path in _dataset_folders(root, set()))
    except OSError as error:
        raise UserError(
            f"Minari's folder {str(root)!r} cannot be read: {error.strerror}"
        ) from error


def _dataset_folders(folder: Path, visited: set[tuple[int, int]]) -> Iterator[Path]:
    """Yield the folders with data; as in Minari, names with a leading dot are hidden."""
    status = folder.stat()
    identity = (status.st_dev, status.st_ino)
    if identity in visited:  # a link to a folder above it
        return
    visited.add(identity)
    for entry in os.scandir(folder):
        path = folder / entry.name
        if entry.name.startswith(".") or not entry.is_dir() or not os.access(path, os.R_OK):
            continue
        if (path / "data").exists():
            yield path
        else:
            yield from _dataset_folders(path, visited)
