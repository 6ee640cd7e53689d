"""CSV files of tracks: one position per row, such as `id,time,x,y`, of pedestrians or robots."""

import contextlib
import csv
import math
from pathlib import Path

import numpy as np

from dfplan.data.importers.columns import ColumnReader
from dfplan.data.importers.text import first_line
from dfplan.data.importers.track_table import TrackImporter, TrackTable
from dfplan.types import UserError, listed
from dfplan.util.readers import reading

ID = "id"
TIME = "time"
HEADER = (
    "Rename the columns of the track and of the time or frame in the first line to id and time; "
    "--observations names those of the position, if they are not x and y"
)


def recognizes(path: Path) -> bool:
    """Return whether the first line of a file names the columns id and time."""
    names = [name.strip() for name in first_line(path).split(",")]
    return ID in names and TIME in names


def read_table(path: Path) -> TrackTable:
    """Read CSV files of tracks with the columns id, time, x, y.

    Args:
        path: File whose first line names the columns, including `id` and `time`.

    Raises:
        UserError: If the file is not CSV, lacks a column or rows, or a time is not a number.
    """
    with reading(path, "CSV"), path.open(newline="", encoding="utf-8-sig") as file:
        csv_reader = csv.DictReader(file, skipinitialspace=True)
        names = tuple(csv_reader.fieldnames or ())
        rows = [(csv_reader.line_num, row) for row in csv_reader]
    for name in (ID, TIME):
        if name not in names:
            raise UserError(f"{path} has no column {name!r}; it has: {listed(names)}. {HEADER}")
    if not rows:
        raise UserError(f"{path} has no rows below its column names")

    def read_column(name: str) -> np.ndarray:
        return np.array([_number(path, line, name, text=row[name]) for line, row in rows])

    position_names = tuple(name for name in names if name not in (ID, TIME))
    return TrackTable(
        reader=ColumnReader(str(path), position_names, read_column),
        id=np.array([row[ID] or "" for _, row in rows]),
        time=read_column(TIME),
    )


read = TrackImporter(read_table)


def _number(path: Path, line: int, name: str, text: str | None) -> float:
    with contextlib.suppress(ValueError):
        number = float(text or "")
        if math.isfinite(number):
            return number
    raise UserError(f"{path}, line {line}: {name} is {text!r}; needed: a finite number")
