"""Formats that can be imported, by name.

A package adds one through the entry-point group `dfplan.importers`; see `Importer`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from dfplan.data.importers.columns import Columns
from dfplan.data.importers.episodes import ColumnarEpisodes
from dfplan.types import UserError
from dfplan.util.registry import Registry


class Importer(Protocol):
    """A function that reads the files of one format.

    The first line of its docstring, "Read <what>.", describes the format in `dfplan import --help`.

    Args:
        paths: Files or folders, at least one; they exist.
        columns: Names of the columns to read; the format's own where empty or None.
        limit: Maximum number of rows per episode; None for no limit.

    Raises:
        UserError: If a file or column is missing or damaged.
    """

    def __call__(
        self, paths: Sequence[Path], columns: Columns, limit: int | None = None
    ) -> ColumnarEpisodes:
        """See the class."""
        ...


IMPORTERS = Registry(
    "format",
    "dfplan.importers",
    {
        "d4rl": "dfplan.data.importers.d4rl:read",
        "ogbench": "dfplan.data.importers.ogbench:read",
        "lerobot": "dfplan.data.importers.lerobot:read",
        "numpy": "dfplan.data.importers.arrays:read",
        "robomimic": "dfplan.data.importers.robomimic:read",
        "diffusion_policy": "dfplan.data.importers.diffusion_policy:read",
        "csv": "dfplan.data.importers.tracks:read",
        "mot": "dfplan.data.importers.mot:read",
        "eth_ucy": "dfplan.data.importers.eth_ucy:read",
        "ultralytics": "dfplan.data.importers.ultralytics:read",
    },
)


def describe_formats() -> str:
    """Return every format with what it reads, as one line of help."""
    return ", ".join(f"{name} ({_summary(IMPORTERS.get(name))})" for name in IMPORTERS.names())


def _summary(importer: Importer) -> str:
    first_line = (importer.__doc__ or "").strip().partition("\n")[0]
    return first_line.removeprefix("Read ").removesuffix(".")


def read_files(
    name: str, paths: Sequence[Path], columns: Columns = Columns(), limit: int | None = None
) -> ColumnarEpisodes:
    """Read and check the files of a format.

    Args:
        name: Name of the format in `IMPORTERS`.
        paths: Files, or folders for LeRobot.
        columns: Names of the columns to read; the format's own by default.
        limit: Maximum number of rows per episode, for files that do not mark where episodes end.

    Raises:
        UserError: If the format is unknown, a file is missing or damaged, a column is missing,
            not numeric or not as long as the others, or a value is not finite.
    """
    read: Importer = IMPORTERS.get(name)
    check_paths(paths)
    return read(paths, columns, limit)


def check_paths(paths: Sequence[Path]) -> None:
    """Check that files exist.

    Raises:
        UserError: If one does not, or none is named.
    """
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise UserError(f"{missing[0]} does not exist")
    if not paths:
        raise UserError("name a file to import")
