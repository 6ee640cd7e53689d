"""atomic_directory: a folder that is written whole or not at all."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dfplan.types import UserError, one_line


@contextlib.contextmanager
def atomic_directory(out: Path) -> Iterator[Path]:
    """A folder to write into, which takes the name `out` once all went well.

    Args:
        out: must not exist, or be an empty folder; its parents are made.

    Raises:
        UserError: when `out` holds something or cannot be written.
    """
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(f"{out} exists and is not empty; name another directory")
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as part:
            # One level down, as the folder itself is readable by its owner alone.
            inside = Path(part) / "new"
            inside.mkdir()
            yield inside
            inside.replace(out)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or one_line(error)}") from error


def folder_size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
