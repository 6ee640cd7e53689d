"""The error for a file that cannot be read, and the limit on the size of its data."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dfplan.types import UserError, one_line

FREE_BYTES = 2**28
"""Size of data that any file may have; larger data are compared with the size of the file."""
MAX_EXPANSION = 100
"""Largest ratio of data to file; recorded trajectories compress by less than 20."""


@contextlib.contextmanager
def reading(path: Path | str, kind: str = "") -> Iterator[None]:
    """Turn any exception inside the context into a `UserError` that names the file.

    Libraries raise almost anything for a damaged file, `RecursionError` and `MemoryError` among
    them. Keep the context small: it also hides mistakes in the code inside it.

    Args:
        path: File or folder that is read.
        kind: Kind of file that it should be, such as "NPZ".

    Raises:
        UserError: If anything is raised; another `UserError` passes unchanged.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        what = f" as {kind}" if kind else ""
        raise UserError(f"{path} cannot be read{what}: {describe(error)}") from error


def describe(error: BaseException) -> str:
    """Return what went wrong, in one line, without the path that the message already names."""
    if isinstance(error, OSError) and error.strerror and error.errno:
        return one_line(OSError(error.strerror))
    if isinstance(error, KeyError | IndexError | RecursionError | MemoryError):
        return f"{type(error).__name__} {one_line(error)}"  # the message alone says little
    return one_line(error)


def check_size(path: Path, what: str, size: int) -> None:
    """Check that data of this size can come from a file, before memory is allocated.

    Args:
        path: File that holds the data.
        what: Part of the file, for the error message.
        size: Size of the data in memory, in bytes, as the file states it.

    Raises:
        UserError: If the size is negative, or large and more than `MAX_EXPANSION` times the file's.
    """
    file_size = path.stat().st_size
    if not 0 <= size <= max(FREE_BYTES, MAX_EXPANSION * file_size):
        raise UserError(
            f"{path}: {what} claims {size:.3g} bytes, but the file has {file_size}; "
            f"valid: up to {MAX_EXPANSION} times the file"
        )
