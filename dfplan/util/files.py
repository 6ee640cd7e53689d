"""Directories: atomic creation and size."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dfplan.types import UserError, one_line


@contextlib.contextmanager
def atomic_directory(out: Path) -> Iterator[Path]:
    """Yield a temporary directory that is renamed to `out` if the context succeeds.

    Args:
        out: Directory to create, with its parents; it must not exist or must be empty.

    Raises:
        UserError: If `out` is not empty or cannot be written.
    """
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(f"{out} exists and is not empty; choose another directory")
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
            # A subdirectory, because only the owner can read the temporary directory itself.
            new = Path(temporary) / "new"
            new.mkdir()
            yield new
            new.replace(out)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or one_line(error)}") from error


def folder_size(folder: Path) -> int:
    """Return the total size of all files in a folder, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
