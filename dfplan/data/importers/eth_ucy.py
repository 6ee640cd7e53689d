"""ETH's and UCY's pedestrians: text files of frame, id, x and y, separated by tabs or spaces.

This is the format that papers on trajectory prediction use (Gupta et al. 2018, Social GAN).
ETH's original obsmat.txt has eight columns: frame, id, x, z, y and the velocities. Positions are in
meters. Annotated frames are 6 or 10 apart; the smallest distance within a track is one step.
"""

from pathlib import Path

import numpy as np

from dfplan.data.importers.columns import ColumnReader
from dfplan.data.importers.text import as_integers, first_line, is_numbers, read_numbers
from dfplan.data.importers.track_table import TrackImporter, TrackTable

COLUMNS = {
    4: ("frame", "id", "x", "y"),
    8: ("frame", "id", "x", "z", "y", "vx", "vz", "vy"),
}
LAYOUT = "frame, id, x, y, or the 8 columns of obsmat.txt, separated by tabs or spaces"


def recognizes(path: Path) -> bool:
    """Return whether the first line of a file is a position."""
    fields = first_line(path).split()
    return len(fields) in COLUMNS and is_numbers(fields)


def read_table(path: Path) -> TrackTable:
    """Read ETH's and UCY's text files of pedestrians.

    Args:
        path: Text file.

    Raises:
        UserError: If the file does not have these columns.
    """
    rows = read_numbers(path, None, valid=COLUMNS, layout=LAYOUT)
    columns = dict(zip(COLUMNS[rows.shape[1]], rows.T, strict=True))
    frame = as_integers(path, "frame", columns.pop("frame"))
    track = as_integers(path, "id", columns.pop("id"))
    return TrackTable(
        reader=ColumnReader(str(path), tuple(columns), lambda name: columns[name]),
        id=track,
        time=frame.astype(np.float64),
    )


read = TrackImporter(read_table)
