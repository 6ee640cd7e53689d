"""CSV files of tracks: one position per row, such as `id,time,x,y`, of pedestrians or robots.

A track consists of the rows of one id in the order of their times, at equal time steps. Where steps
are missing, the rest of the track is an episode of its own. Tracks have no actions: the
displacement to the next position takes their place.
"""

import contextlib
import csv
import dataclasses
import math
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

ID = "id"
TIME = "time"
DEFAULT = Columns(observations=("x", "y"))
TIME_TOLERANCE = 0.01
"""Share of a time step by which a time may deviate from equal steps."""
ALONE = "rows left out, as no row of the same id is one time step before or after them: {}"
ACTIONS = "the actions are the displacements from each position to the next"


def read(paths: Sequence[Path], columns: Columns, limit: int | None = None) -> ColumnarEpisodes:
    """Read CSV files of tracks with the columns id, time, x, y.

    Args:
        paths: One or more files whose first line names the columns, including `id` and `time`.
        columns: Column names; x and y by default. Action columns cannot be chosen.
        limit: Maximum number of rows per episode.

    Raises:
        UserError: If a file is missing or not CSV, lacks a column, has times that are not at equal
            steps or occur twice in a track, or has only tracks of one row; or as `read_episodes`.
    """
    if columns.actions or columns.rewards not in (None, NONE):
        raise UserError("tracks have no actions and no rewards; name --observations alone")
    return join_episodes([_read(path, columns, limit) for path in paths])


def _read(path: Path, columns: Columns, limit: int | None) -> ColumnarEpisodes:
    reader = _open(path)
    columns = reader.resolve(columns, DEFAULT)
    position = reader.join(columns.observations)
    time = reader.vector(TIME)
    ids = np.asarray(reader.read(ID))
    order = np.lexsort((time, ids))
    position = position[order]
    length = _episode_lengths(reader.where, ids[order], time[order], limit=limit)
    has_steps = np.repeat(length > 1, length)
    if not has_steps.any():
        raise UserError(f"{reader.where} has no track of two rows at one step")
    notes = [ACTIONS]
    if not has_steps.all():
        notes.append(ALONE.format(int((~has_steps).sum())))
    position = position[has_steps]
    length = length[length > 1]
    displacement = np.diff(position, axis=0, append=position[-1:])
    displacement[np.cumsum(length) - 1] = 0.0
    arrays = {"position": position, "displacement": displacement}
    track_reader = ColumnReader(reader.where, tuple(arrays), lambda name: arrays[name])
    track_columns = Columns(observations=("position",), actions=("displacement",))
    episodes = read_episodes(track_reader, track_columns, length, boundary_columns=())
    return dataclasses.replace(episodes, notes=(*notes, *episodes.notes))


def _open(path: Path) -> ColumnReader:
    """Return a reader of a CSV file's columns; all except the ids hold numbers."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # with or without its mark
            csv_reader = csv.DictReader(file, skipinitialspace=True)
            names = tuple(csv_reader.fieldnames or ())
            rows = [(csv_reader.line_num, row) for row in csv_reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as CSV: {one_line(error)}") from error
    for name in (ID, TIME):
        if name not in names:
            raise UserError(f"{path} has no column {name!r}; it has: {', '.join(names) or 'none'}")
    if not rows:
        raise UserError(f"{path} has no rows below its column names")

    def read_column(name: str) -> np.ndarray:
        if name == ID:
            return np.array([row[ID] for _, row in rows])
        return np.array([_number(path, line, name, text=row[name]) for line, row in rows])

    return ColumnReader(str(path), names, read_column)


def _number(path: Path, line: int, name: str, text: str | None) -> float:
    with contextlib.suppress(ValueError):
        number = float(text or "")
        if math.isfinite(number):
            return number
    raise UserError(f"{path}, line {line}: {name} is {text!r}; needed: a finite number")


def _episode_lengths(
    where: str, ids: np.ndarray, time: np.ndarray, limit: int | None
) -> np.ndarray:
    """Return the rows of each episode `[E]`, given rows sorted by id and time."""
    same_track = ids[1:] == ids[:-1]
    gap = np.diff(time)
    if not same_track.any():
        raise UserError(f"{where} has no track of two rows")
    repeated = np.flatnonzero(same_track & (gap <= 0))
    if len(repeated):
        row = int(repeated[0])
        raise UserError(f"{where}: track {ids[row]} is at time {time[row]:g} twice")
    step = gap[same_track].min()
    deviation = np.abs(gap / step - np.round(gap / step))
    uneven = np.flatnonzero(same_track & (deviation > TIME_TOLERANCE * np.maximum(gap / step, 1)))
    if len(uneven):
        row = int(uneven[0])
        raise UserError(
            f"{where}: track {ids[row]} goes from time {time[row]:g} to {time[row + 1]:g}; "
            f"needed: equal steps of {step:g}"
        )
    continues = np.append(same_track & (gap < 1.5 * step), False)
    return episode_lengths(~continues, limit)
