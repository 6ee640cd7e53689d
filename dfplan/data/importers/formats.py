"""Formats that can be imported, by name."""

from collections.abc import Callable, Sequence
from pathlib import Path

from dfplan.data.importers import arrays, d4rl, lerobot, ogbench, tracks
from dfplan.data.importers.rows import Rows
from dfplan.data.importers.source import Columns
from dfplan.types import UserError, check_choice

FORMATS: dict[str, Callable[[Sequence[Path], Columns, int | None], Rows]] = {
    "d4rl": d4rl.read,
    "ogbench": ogbench.read,
    "lerobot": lerobot.read,
    "numpy": arrays.read,
    "csv": tracks.read,
}


def read_files(
    name: str, paths: Sequence[Path], columns: Columns = Columns(), limit: int | None = None
) -> Rows:
    """Read and check the files of a format.

    Args:
        name: of the format, one of `FORMATS`.
        paths: files, or folders of LeRobot.
        columns: names of the columns to read; by default the format's own.
        limit: an episode ends after so many rows at the latest, for files that mark no ends.

    Raises:
        UserError: unknown format, missing or damaged files, columns that are missing, unequally
            long or no numbers, values that are not finite.
    """
    check_choice("format", name, FORMATS)
    missing = [path for path in paths if not path.exists()]
    if missing or not paths:
        raise UserError(f"there is no {missing[0]}" if missing else "name a file to import")
    return FORMATS[name](paths, columns, limit)
