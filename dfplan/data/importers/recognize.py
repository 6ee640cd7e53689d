"""Recognition of the format of files by their content.

A package adds a function `recognizes(path) -> bool` for its format through the entry-point group
`dfplan.recognizers`, under the name of the format.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from dfplan.data.importers.formats import IMPORTERS
from dfplan.types import UserError
from dfplan.util.registry import Registry

Recognizer = Callable[[Path], bool]

RECOGNIZERS = Registry(
    "format",
    "dfplan.recognizers",
    # The first format that recognizes a file wins, so those that accept any HDF5 or NPZ file are
    # last.
    {
        "lerobot": "dfplan.data.importers.lerobot:recognizes",
        "diffusion_policy": "dfplan.data.importers.diffusion_policy:recognizes",
        "ultralytics": "dfplan.data.importers.ultralytics:recognizes",
        "robomimic": "dfplan.data.importers.robomimic:recognizes",
        "ogbench": "dfplan.data.importers.ogbench:recognizes",
        "csv": "dfplan.data.importers.tracks:recognizes",
        "mot": "dfplan.data.importers.mot:recognizes",
        "eth_ucy": "dfplan.data.importers.eth_ucy:recognizes",
        "d4rl": "dfplan.data.importers.d4rl:recognizes",
        "numpy": "dfplan.data.importers.arrays:recognizes",
    },
)


def recognize(paths: Sequence[Path]) -> str:
    """Return the name of the format of some files.

    Args:
        paths: Files or folders; they exist.

    Raises:
        UserError: If the format of a file is not recognized, or the formats differ.
    """
    names = {path: _recognize(path) for path in paths}
    if len(set(names.values())) > 1:
        formats = ", ".join(f"{path} ({name})" for path, name in names.items())
        raise UserError(f"these files are of different formats: {formats}; import each separately")
    return next(iter(names.values()))


def _recognize(path: Path) -> str:
    for name in RECOGNIZERS.names():
        recognizes: Recognizer = RECOGNIZERS.get(name)
        if recognizes(path):
            return name
    raise UserError(
        f"the format of {path} is not recognized; name it before the path: "
        f"{', '.join(IMPORTERS.names())} (csv needs the columns id, time, x, y)"
    )
