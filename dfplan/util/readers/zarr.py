"""Zarr groups in a folder or a ZIP file, formats 2 and 3, read by TensorStore.

Sizes are checked before memory is allocated, and nothing outside the group is opened.
"""

import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.types import UserError
from dfplan.util.readers.errors import FREE_BYTES, MAX_EXPANSION, reading

ARRAY_FILES = (".zarray", "zarr.json")
"""Metadata of an array in format 2, and of an array or a group in format 3."""
GROUP_FILES = (".zgroup", "zarr.json")


class ZarrArrays(Mapping[str, np.ndarray]):
    """Arrays of a Zarr group by path, such as "data/action"; each is read when it is looked up."""

    def __init__(self, path: Path):
        self.path = path
        with reading(path, "Zarr"):
            sizes = _zip_sizes(path) if path.is_file() else _folder_sizes(path)
        self._folder = _common_folder(sizes) if path.is_file() else ""
        self._sizes = {file.removeprefix(self._folder): size for file, size in sizes.items()}
        folders = {
            file.rpartition("/")[0]
            for file in self._sizes
            if file.rpartition("/")[2] in ARRAY_FILES
        }
        # In format 3 a group has the same metadata file as an array, but holds others.
        groups = {folder.rpartition("/")[0] for folder in folders}
        self._names = sorted(folders - groups - {""})

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, name: str) -> np.ndarray:
        """Return an array.

        Raises:
            KeyError: If the group has no array of that name.
            UserError: If the array is damaged, lacks chunks or claims more than is stored.
        """
        if name not in self._names:
            raise KeyError(name)
        where = f"{self.path}: {name!r}"
        with reading(where):
            array = self._open(name)
            item_size = array.dtype.numpy_dtype.itemsize
            for shape in (array.shape, array.chunk_layout.read_chunk.shape):
                self._check_size(where, name, size=math.prod(shape) * item_size)
            stored = array.storage_statistics(query_fully_stored=True).result()
            if not stored.fully_stored:
                raise UserError(
                    f"{where} lacks chunks; needed: all of them (Zarr's write_empty_chunks)"
                )
            return np.asarray(array.read().result())

    def _open(self, name: str) -> Any:
        import tensorstore

        path = str(self.path.resolve())
        inner = f"{self._folder}{name}/"
        store: dict[str, Any] = {"driver": "file", "path": f"{path}/{inner}"}
        if self.path.is_file():
            base = {"driver": "file", "path": path}
            store = {"driver": "zip", "base": base, "path": inner}
        spec = {"driver": "auto", "kvstore": store}
        return tensorstore.open(spec, read=True, open=True).result()

    def _check_size(self, where: str, name: str, size: int) -> None:
        """Check that data of this size, in bytes, can come from an array's files."""
        files = (n for file, n in self._sizes.items() if file.startswith(f"{name}/"))
        stored = sum(files)
        if size > max(FREE_BYTES, MAX_EXPANSION * stored):
            raise UserError(
                f"{where} claims {size:.3g} bytes, but {stored} are stored; "
                f"valid: up to {MAX_EXPANSION} times as many"
            )


def read_zarr(path: Path) -> ZarrArrays:
    """Return the arrays of a Zarr group by path, each read when it is looked up.

    Args:
        path: Folder, or ZIP file of one.

    Raises:
        UserError: If it is neither, or damaged.
    """
    return ZarrArrays(path)


def is_zarr(path: Path) -> bool:
    """Return whether a path is a folder or a ZIP file with a Zarr group."""
    if path.is_dir():
        return any((path / name).is_file() for name in GROUP_FILES)
    try:
        names = _zip_sizes(path)
    except (OSError, zipfile.BadZipFile, ValueError):
        return False
    return any(name.rpartition("/")[2] in GROUP_FILES for name in names)


def _folder_sizes(path: Path) -> dict[str, int]:
    """Return the size of each file in a folder, by its path in it.

    Raises:
        ValueError: If it is not a folder, or has links inside, which could lead out of it.
    """
    if not path.is_dir():
        raise ValueError("it is neither a folder nor a ZIP file")
    sizes = {}
    for file in path.rglob("*"):
        name = file.relative_to(path).as_posix()
        if file.is_symlink():
            raise ValueError(f"{name} is a link; copy the file")
        if file.is_file():
            sizes[name] = file.stat().st_size
    return sizes


def _zip_sizes(path: Path) -> dict[str, int]:
    with zipfile.ZipFile(path) as file:
        return {info.filename: info.compress_size for info in file.infolist()}


def _common_folder(names: Mapping[str, int]) -> str:
    """Return the folder in a ZIP file that holds the group: "" or one folder with a slash."""
    folders = {name.partition("/")[0] for name in names}
    has_root = any(name in GROUP_FILES for name in names)
    return f"{folders.pop()}/" if len(folders) == 1 and not has_root else ""
