"""CSV of tracks: a row a place at a time, such as `id,time,x,y`, of pedestrians or robots.

A track is the rows of one id in the order of their times, at equal steps; where steps are missing
it goes on as an episode of its own. It has no actions: the way to the next place stands for one.
"""

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dfplan.data.importers.columns import NONE, ColumnReader, Columns
from dfplan.data.importers.episodes import (
    ColumnarEpisodes,
    episode_lengths,
    join_episodes,
    read_episodes,
)
from dfplan.types import UserError, one_line

ID, TIME = "id", "time"
DEFAULT = Columns(("x", "y"))
UNEVEN = 0.01
"""Share of a step by which a time may be off it."""
ACTIONS = "the actions are the ways from each place to the next"


def read(paths: Sequence[Path], columns: Columns, limit: int | None = None) -> ColumnarEpisodes:
    """Read CSV files of tracks: id, time, x, y.

    Args:
        paths: one or more files with a line of column names; `id` and `time` among them.
        columns: by default x and y; actions are not read, so none can be named.
        limit: an episode ends after so many rows at the latest.

    Raises:
        UserError: a file is missing or no CSV, has other columns, times that are not at equal
            steps or occur twice in a track, only tracks of one row, or as `read_episodes`.
    """
    if columns.actions or columns.rewards not in (None, NONE):
        raise UserError("tracks have no actions and no rewards; name --observations alone")
    return join_episodes([_read(path, columns, limit) for path in paths])


def _read(path: Path, given: Columns, limit: int | None) -> ColumnarEpisodes:
    source = _open(path)
    columns = source.choose(given, DEFAULT)
    place, time = source.join(columns.observations), source.vector(TIME)
    ids = np.asarray(source.read(ID))
    order = np.lexsort((time, ids))
    place, time, ids = place[order], time[order], ids[order]
    length = _episodes(source.where, ids, time, limit)
    many = np.repeat(length > 1, length)
    if not many.any():
        raise UserError(f"{source.where} has no track of two rows at one step")
    place, length = place[many], length[length > 1]
    ends = np.cumsum(length) - 1
    way = np.diff(place, axis=0, append=place[-1:])
    way[ends] = 0.0
    arrays = {"place": place, "way": way}
    made = ColumnReader(source.where, tuple(arrays), lambda name: arrays[name])
    rows = read_episodes(made, Columns(("place",), ("way",)), length, marks=())
    return dataclasses.replace(rows, notes=(ACTIONS, *rows.notes))


def _open(path: Path) -> ColumnReader:
    """The columns of a CSV file; all but the ids are numbers."""
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            names, rows = tuple(reader.fieldnames or ()), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as CSV: {one_line(error)}") from error
    for name in (ID, TIME):
        if name not in names:
            raise UserError(f"{path} has no column {name!r}; it has: {', '.join(names) or 'none'}")
    if not rows:
        raise UserError(f"{path} has no rows below its column names")

    def column(name: str) -> np.ndarray:
        if name == ID:
            return np.array([row[ID] for row in rows])
        return np.array([_number(path, i, name, row[name]) for i, row in enumerate(rows)])

    return ColumnReader(str(path), names, column)


def _number(path: Path, row: int, name: str, text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise UserError(f"{path}, line {row + 2}: {name} is {text!r}; needed: a number") from None


def _episodes(where: str, ids: np.ndarray, time: np.ndarray, limit: int | None) -> np.ndarray:
    """Rows of each episode `[E]`, of rows sorted by id and time."""
    same, gap = ids[1:] == ids[:-1], np.diff(time)
    if not same.any():
        raise UserError(f"{where} has no track of two rows")
    twice = np.flatnonzero(same & (gap <= 0))
    if len(twice):
        at = int(twice[0])
        raise UserError(f"{where}: track {ids[at]} is at time {time[at]:g} twice")
    step = gap[same].min()
    off = np.abs(gap / step - np.round(gap / step))
    uneven = np.flatnonzero(same & (off > UNEVEN * np.maximum(gap / step, 1)))
    if len(uneven):
        at = int(uneven[0])
        raise UserError(
            f"{where}: track {ids[at]} goes from time {time[at]:g} to {time[at + 1]:g}; "
            f"needed: equal steps, here of {step:g}"
        )
    whole = np.append(same & (gap < 1.5 * step), False)
    return episode_lengths(~whole, limit)
