"""Files and directories that commands write: complete or absent, by one process at a time.

Each is written in a hidden staging directory next to its final name and renamed once it is
complete, so that a killed process leaves either all of it or nothing under that name. Locks end
with the process that holds them; the next process that writes into the same folder removes what a
killed one left.
"""

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dfplan.types import UserError
from dfplan.util.locks import LOCK, acquire, acquire_or_warn, exclusive, release
from dfplan.util.places import STAGING, hidden_name, resolve, writing

CHUNK_BYTES = 2**24
LEFTOVER = re.compile(rf"\..*\.[0-9a-f]{{8}}{re.escape(STAGING)}")


@contextlib.contextmanager
def atomic_directory(out: Path | str) -> Iterator[Path]:
    """Yield a new directory that is renamed to `out` if the context succeeds.

    Until then no other process can write `out` through this function.

    Args:
        out: Directory to create, with its parents; must not exist, or be empty.

    Raises:
        UserError: If `out` is not empty, is the current directory, or cannot be written.
        LockedError: If another process is writing it.
    """
    out = Path(out)
    target = resolve(out)
    with writing(out), _parents_created(target), exclusive(out), _staging(target) as stage:
        check_vacant(out)  # Only under the lock can no other process be about to finish it.
        new = stage / "new"
        new.mkdir()
        yield new
        _sync_tree(new)
        new.replace(target)
        _sync(target.parent)


@contextlib.contextmanager
def atomic_file(path: Path | str) -> Iterator[Path]:
    """Yield the path of a new file that replaces `path` if the context succeeds.

    Of several processes that write one file, the last one to finish wins. Devices and pipes, such
    as /dev/stdout, are written in place, and symbolic links are followed.

    Args:
        path: File to write; its directory is created.

    Raises:
        UserError: If the file cannot be written.
    """
    path = Path(path)
    if _is_special(path):
        with writing(path):
            yield path
        return
    target = resolve(path)
    with writing(path), _parents_created(target), _staging(target) as stage:
        _check_replaceable(target)
        new = stage / target.name
        yield new
        if target.exists():
            shutil.copymode(target, new)
        _sync(new)
        new.replace(target)
        _sync(target.parent)


@contextlib.contextmanager
def scratch_directory(path: Path | str) -> Iterator[Path]:
    """Yield a temporary directory next to the file `path`, for data that goes into the file.

    If this process is killed, the next one that writes there removes it.

    Raises:
        UserError: If it cannot be created.
    """
    if _is_special(Path(path)):
        with tempfile.TemporaryDirectory() as directory:
            yield Path(directory)
        return
    target = resolve(path)
    with writing(path), _parents_created(target), _staging(target) as stage:
        yield stage


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write a file atomically; see `atomic_file`."""
    with atomic_file(path) as new:
        new.write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """Write a UTF-8 text file atomically; see `atomic_file`."""
    write_bytes(path, text.encode())


def write_json(path: Path | str, record: Any) -> None:
    """Write a JSON file atomically; see `atomic_file`."""
    write_text(path, json.dumps(record, indent=2) + "\n")


def check_vacant(out: Path) -> None:
    """Check that `atomic_directory` can create a directory under this name.

    Raises:
        UserError: If it exists and is not an empty directory, or is the current directory.
    """
    with writing(out):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(f"{out} exists and is not empty; choose another directory")
        if resolve(out) == Path.cwd():
            raise UserError(f"{out} is the current directory; choose a new directory in it")


def check_writable(path: Path | str) -> None:
    """Check that `atomic_file` can write a file, and leave nothing behind.

    Raises:
        UserError: If it cannot.
    """
    path = Path(path)
    if _is_special(path):
        with writing(path):
            _check_replaceable(path)
        return
    target = resolve(path)
    with writing(path):
        _check_replaceable(target)
        folder = next(parent for parent in target.parents if parent.exists())
        with _staging(folder / target.name):
            pass


def remove_directory(path: Path) -> None:
    """Remove a directory atomically, even if the process is killed meanwhile.

    Raises:
        UserError: If it cannot be removed.
    """
    with writing(path), _staging(path) as stage:
        path.replace(stage / "old")


def checksum(path: Path) -> int:
    """Return the CRC-32 of a file, which may be larger than memory."""
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            crc = zlib.crc32(chunk, crc)
    return crc


def folder_size(folder: Path) -> int:
    """Return the total size of all files in a folder, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """Yield a new locked directory next to the target; it is removed at the end."""
    remove_leftovers(target.parent)
    stage, handle = _create_staging(target)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        os.close(handle)


def _create_staging(target: Path) -> tuple[Path, int]:
    while True:
        stage = target.with_name(hidden_name(target, f".{secrets.token_hex(4)}{STAGING}"))
        stage.mkdir()
        try:
            handle = acquire_or_warn(stage / LOCK)
        except FileNotFoundError:  # Another process removed it as a leftover.
            continue
        except BaseException:
            shutil.rmtree(stage, ignore_errors=True)
            raise
        if handle is not None:
            return stage, handle


def remove_leftovers(folder: Path) -> None:
    """Remove what ended processes left in a folder: staging directories and locks that are free."""
    for path in list(folder.iterdir()):
        is_staging = LEFTOVER.fullmatch(path.name) is not None
        if not is_staging and not path.name.endswith(LOCK):
            continue
        with contextlib.suppress(OSError):
            lock = path / LOCK if is_staging else path
            handle = acquire(lock)
            if handle is not None:
                if is_staging:
                    shutil.rmtree(path, ignore_errors=True)
                release(handle, lock)


@contextlib.contextmanager
def _parents_created(target: Path) -> Iterator[None]:
    """Create the parents of the target; if the context fails, remove those that are empty."""
    missing = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for parent in missing:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


def _is_special(path: Path) -> bool:
    """Return whether a path is a device or pipe, which cannot be renamed into place."""
    if path.is_relative_to("/dev"):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()


def _check_replaceable(target: Path) -> None:
    """Check that an existing target is a file that may be written.

    Raises:
        OSError: If it is a directory, or lacks the permission.
    """
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _sync_tree(folder: Path) -> None:
    """Flush a directory and everything in it to disk."""
    for path in folder.rglob("*"):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    """Flush a file or directory to disk, so that it survives a power failure."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # It cannot sync directories.
            raise
    finally:
        os.close(handle)
