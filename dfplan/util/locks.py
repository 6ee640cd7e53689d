"""Locks of files and directories, which end with the process that holds them."""

import contextlib
import errno
import fcntl
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from dfplan.types import UserError
from dfplan.util.places import hidden_name, resolve, writing

LOCK = ".dfplan-lock"
"""Ending of a lock file's name: `.NAME.dfplan-lock`."""
NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)
"""Errors of file systems that have no locks, as on some clusters."""


class NoLocksError(OSError):
    """An error of a file system that has no locks."""


class LockedError(UserError):
    """An error for a file or directory that another process is writing."""


@contextlib.contextmanager
def exclusive(path: Path | str) -> Iterator[None]:
    """Hold the lock of a file or directory, whether it exists or not.

    The lock is a hidden file next to it. It is released when the process ends, however it ends.

    Args:
        path: File or directory to lock; its parent directory must exist.

    Raises:
        LockedError: If another process, or another context of this one, holds the lock.
        UserError: If the lock file cannot be written.
    """
    target = resolve(path)
    lock = target.with_name(hidden_name(target, LOCK))
    with writing(path):
        handle = acquire_or_warn(lock)
    if handle is None:
        raise LockedError(
            f"{path} is being written by another process; wait until it ends, or use another name"
        )
    try:
        yield
    finally:
        release(handle, lock)


def acquire(lock: Path) -> int | None:
    """Return an open handle that holds the lock, or None if the lock is taken.

    Raises:
        NoLocksError: If the file system has no locks.
        OSError: If the lock file cannot be opened.
    """
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError as error:
            os.close(handle)
            raise NoLocksError(*error.args) if error.errno in NO_LOCKS else error from error
        if _is_open_as(handle, lock):
            return handle
        os.close(handle)  # Its previous holder has removed the file.


def acquire_or_warn(lock: Path) -> int | None:
    """Return what `acquire` does; on a file system without locks, warn and return the open file."""
    try:
        return acquire(lock)
    except NoLocksError:
        warnings.warn(
            f"the file system of {lock.parent} has no locks: let one process at a time write there",
            stacklevel=2,
        )
        return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)


def release(handle: int, lock: Path) -> None:
    """Release a lock that `acquire` returned, and remove its file."""
    # While the lock is held, and only if no other file has taken its name.
    with contextlib.suppress(OSError):
        if _is_open_as(handle, lock):
            lock.unlink()
    os.close(handle)


def _is_open_as(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False
