"""Files and directories that commands write: whole or not at all, by one process at a time.

What is written grows in a hidden staging directory beside its name and is renamed once it is
complete, so that a killed process leaves either nothing or all of it under that name. Locks end
with the process that holds them; what a killed process leaves behind is removed by the next one
that writes the same name.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dfplan.types import UserError, one_line

STAGING = ".dfplan-part"
"""Ending of a staging directory's name: `.NAME.XXXXXXXX.dfplan-part`."""
LOCK = ".dfplan-lock"
"""Ending of a lock file's name: `.NAME.dfplan-lock`."""
MAX_NAME_BYTES = 200
"""Longer names are replaced by a hash in hidden names, as file systems allow 255 bytes."""
NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)
"""Errors of file systems that have no locks, as on some clusters."""
WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
"""Usual errors of places that cannot be written."""
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""Beginning of a URL, also one that `Path` has shortened, such as gs:/bucket."""


class LockedError(UserError):
    """An error for what another process is writing at this moment."""


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
    target = _resolve(out)
    with writing(out), _parents_created(target), exclusive(out), _staging(target) as stage:
        check_vacant(out)  # Here, where no other process can be about to finish it.
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
    target = _resolve(path)
    with writing(path), _parents_created(target), _staging(target) as stage:
        _check_replaceable(target)
        new = stage / target.name
        yield new
        if target.exists():
            shutil.copymode(target, new)
        _sync(new)
        new.replace(target)
        _sync(target.parent)


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


@contextlib.contextmanager
def exclusive(path: Path | str) -> Iterator[None]:
    """Hold the lock of a file or directory, whether it exists or not.

    The lock is a hidden file beside the name. It ends with the process, however that ends.

    Args:
        path: What to lock; its parent directory must exist.

    Raises:
        LockedError: If another process, or another context of this one, holds the lock.
        UserError: If the lock file cannot be written.
    """
    target = _resolve(path)
    lock = target.with_name(_hidden_name(target, LOCK))
    with writing(path):
        handle = _acquire(lock)
    if handle is None:
        raise LockedError(
            f"{path} is being written by another process; wait for its end, or choose another name"
        )
    try:
        yield
    finally:
        _release(handle, lock)


@contextlib.contextmanager
def writing(place: Path | str) -> Iterator[None]:
    """Turn an `OSError` in the context into a `UserError` of one line that names the place.

    Raises:
        UserError: On any `OSError` but a closed pipe, such as a full disk or a missing permission.
    """
    try:
        yield
    except BrokenPipeError:  # The reader of standard output has ended, as in `dfplan ... | head`.
        raise
    except OSError as error:
        raise write_error(place, error) from error


def write_error(place: Path | str, error: OSError) -> UserError:
    """Return the error of a place that cannot be written."""
    reason = error.strerror or one_line(error)
    other = error.filename is not None and not str(error.filename).startswith(str(place))
    if other and STAGING not in str(error.filename):
        reason = f"{error.filename}: {reason}"
    return UserError(f"cannot write {place}: {reason}")


def check_vacant(out: Path) -> None:
    """Check that `atomic_directory` can create a directory under this name.

    Raises:
        UserError: If it exists and is not an empty directory, or is the current directory.
    """
    with writing(out):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(f"{out} exists and is not empty; choose another directory")
        if _resolve(out) == Path.cwd():
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
    target = _resolve(path)
    with writing(path):
        _check_replaceable(target)
        folder = next(parent for parent in target.parents if parent.exists())
        with _staging(folder / target.name):
            pass


def remove_directory(path: Path) -> None:
    """Remove a directory that nobody sees half removed, even if the process is killed.

    Raises:
        UserError: If it cannot be removed.
    """
    with writing(path), _staging(path) as stage:
        path.replace(stage / "old")


def folder_size(folder: Path) -> int:
    """Return the total size of all files in a folder, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def is_hidden(path: Path | str) -> bool:
    """Return whether a name is one of this module's, for listings of what users wrote."""
    return Path(path).name.endswith((STAGING, LOCK))


@contextlib.contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """Yield a new locked directory beside the target; it is removed at the end."""
    remove_leftovers(target.parent, target.name)
    stage, handle = _create_staging(target)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        os.close(handle)


def _create_staging(target: Path) -> tuple[Path, int]:
    while True:
        stage = target.with_name(_hidden_name(target, f".{secrets.token_hex(4)}{STAGING}"))
        stage.mkdir()
        try:
            handle = _acquire(stage / LOCK)
        except FileNotFoundError:  # Another process took the directory for a leftover.
            continue
        except BaseException:
            shutil.rmtree(stage, ignore_errors=True)
            raise
        if handle is not None:
            return stage, handle


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove the staging directories in a folder whose process has ended.

    Args:
        folder: Folder to clean.
        name: Name whose staging directories are removed; None for any name.
    """
    start = r"\..*" if name is None else re.escape(_hidden_name(folder / name, ""))
    pattern = re.compile(rf"{start}\.[0-9a-f]{{8}}{re.escape(STAGING)}")
    leftovers = [path for path in folder.iterdir() if pattern.fullmatch(path.name)]
    for stage in leftovers:
        with contextlib.suppress(OSError):
            handle = _acquire(stage / LOCK)
            if handle is not None:
                shutil.rmtree(stage, ignore_errors=True)
                os.close(handle)


def _hidden_name(target: Path, ending: str) -> str:
    name = target.name
    if len(os.fsencode(name)) > MAX_NAME_BYTES:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f".{name}{ending}"


def _acquire(lock: Path) -> int | None:
    """Return an open handle that holds the lock, or None if another one holds it."""
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                os.close(handle)
                raise
            warnings.warn(
                f"the file system of {lock.parent} has no locks: let one process at a time write",
                stacklevel=2,
            )
        if _is_open_as(handle, lock):
            return handle
        os.close(handle)  # Its previous holder has removed it in the meantime.


def _release(handle: int, lock: Path) -> None:
    # Removed while it is held, and only this file: another one may have taken the name.
    with contextlib.suppress(OSError):
        if _is_open_as(handle, lock):
            lock.unlink()
    os.close(handle)


def _is_open_as(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


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


def _resolve(path: Path | str) -> Path:
    """Return the absolute path without symbolic links.

    Raises:
        UserError: If it is a URL.
    """
    if URL.match(str(path)):
        raise UserError(f"cannot write {path}: it is a URL; valid: a path on this machine")
    return Path(os.path.realpath(path))


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
    """Write a directory and all that is in it to the disk itself."""
    for path in folder.rglob("*"):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    """Write a file or directory to the disk itself, so that it survives a power failure."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # It cannot sync directories.
            raise
    finally:
        os.close(handle)
