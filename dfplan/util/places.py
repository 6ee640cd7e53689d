"""Paths to write to: their hidden names, and errors that name them."""

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from dfplan.types import UserError, one_line

HIDDEN = ".dfplan-"
"""Part of all hidden names."""
STAGING = ".dfplan-part"
"""Ending of a staging directory's name: `.NAME.XXXXXXXX.dfplan-part`."""
MAX_NAME_BYTES = 200
"""Longer names are replaced by a hash in hidden names, as file systems allow 255 bytes."""
WRITE_ERRORS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
)
"""Common errors of paths that cannot be written."""
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""Beginning of a URL, including one that `Path` has shortened, such as gs:/bucket."""


@contextlib.contextmanager
def writing(place: Path | str) -> Iterator[None]:
    """Turn an `OSError` in the context into a one-line `UserError` that names the place.

    Raises:
        UserError: On any `OSError` but a closed pipe, such as a full disk or a missing permission.
    """
    try:
        yield
    except BrokenPipeError:  # The reader of standard output has ended, as in `dfplan ... | head`.
        raise
    except OSError as error:
        raise write_error(place, error) from error


def write_error(place: Path | str, error: Exception) -> UserError:
    """Return the error of a place that cannot be written, given an error of any type."""
    reason = getattr(error, "strerror", None) or _system_words(error) or one_line(error)
    place = _without_staging(str(place))
    other = str(getattr(error, "filename", None) or "")
    if other and not other.startswith(place) and HIDDEN not in other:
        reason = f"{other}: {reason}"
    return UserError(f"cannot write {place}: {reason}")


def _system_words(error: Exception) -> str:
    """Return the system's text for an error, if the long message of a library contains it."""
    words = (os.strerror(code) for code in WRITE_ERRORS)
    return next((text for text in words if text in str(error)), "")


def _without_staging(path: str) -> str:
    """Return the final path of a path in a staging directory."""
    return re.sub(rf"/\.([^/]*)\.[0-9a-f]{{8}}{re.escape(STAGING)}/new(?=/|$)", r"/\1", path)


def hidden_name(target: Path, ending: str) -> str:
    """Return the name of a hidden file or directory that belongs to the target."""
    name = target.name
    if len(os.fsencode(name)) > MAX_NAME_BYTES:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f".{name}{ending}"


def resolve(path: Path | str) -> Path:
    """Return the absolute path without symbolic links.

    Raises:
        UserError: If it is a URL.
    """
    if URL.match(str(path)):
        raise UserError(f"cannot write {path}: it is a URL; valid: a path on this machine")
    return Path(os.path.realpath(path))
