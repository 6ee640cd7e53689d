"""Tables of tracks, one position per row, and the episodes that they form.

A track consists of the rows of one id in the order of their times, at equal time steps. After
missing steps, the rest of the track is another episode. Tracks have no actions: the
displacement to the next position takes their place.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dfplan.data.importers.columns import NONE, ColumnReader, Columns
from dfplan.data.importers.episodes import (
    ColumnarEpisodes,
    episode_lengths,
    join_episodes,
    read_episodes,
)
from dfplan.types import UserError

DEFAULT = Columns(observations=("x", "y"))
TIME_TOLERANCE = 0.01
"""Fraction of a time step by which a time may deviate from equal steps."""
ACTIONS = "the actions are the displacements from each position to the next"
LONE_ROWS = "rows left out, as no row of the same id is one time step before or after them: {}"


@dataclasses.dataclass(frozen=True)
class TrackTable:
    """Rows of a file of tracks, in any order.

    Attributes:
        reader: Reader of the columns, such as the position's.
        id: `[N]` id of each row's track.
        time: `[N]` time or frame number of each row.
        notes: What the user should know, one sentence each.
    """

    reader: ColumnReader
    id: np.ndarray
    time: np.ndarray
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Tracks:
    """Rows of tracks, sorted by id and time.

    Attributes:
        where: File name for error messages.
        id: `[N]` id of each row's track.
        time: `[N]` times.
        position: `[N, S]` the chosen columns.
        step: Time step.
        notes: What the user should know, one sentence each.
    """

    where: str
    id: np.ndarray
    time: np.ndarray
    position: np.ndarray
    step: float
    notes: tuple[str, ...] = ()

    @property
    def starts_track(self) -> np.ndarray:
        """Whether a row is the first one of its track, `[N]` bool."""
        return np.append(True, self.id[1:] != self.id[:-1])

    @property
    def missing(self) -> np.ndarray:
        """Steps that are missing in a track before each row, `[N]` int64."""
        steps = np.rint(np.diff(self.time) / self.step).astype(np.int64)
        return np.where(self.starts_track, 0, np.append(0, steps - 1))


class TrackImporter:
    """Importer of a format whose files are tables of tracks; see `formats.Importer`.

    Its docstring is that of `read_table`.

    Args:
        read_table: Function that reads one file.
    """

    def __init__(self, read_table: Callable[[Path], TrackTable]):
        self.read_table = read_table
        functools.update_wrapper(self, read_table)

    def __call__(
        self, paths: Sequence[Path], columns: Columns, limit: int | None = None
    ) -> ColumnarEpisodes:
        """See `formats.Importer`."""
        return join_episodes(
            [track_episodes(self.read_table(path), columns, limit) for path in paths]
        )


def sort_tracks(table: TrackTable, columns: Columns) -> Tracks:
    """Sort the rows of a table by track and time.

    Args:
        table: Rows of tracks.
        columns: Names of the position's columns; x and y by default.

    Raises:
        UserError: If action or reward columns are chosen; a column is missing; a time is not
            finite, not at equal steps or occurs twice in a track; or no track has two rows.
    """
    if columns.actions or columns.rewards not in (None, NONE):
        raise UserError("tracks have no actions and no rewards; choose only --observations")
    reader = table.reader
    position = reader.join(reader.resolve(columns, DEFAULT).observations)
    _check_finite_times(table)
    order = np.lexsort((table.time, table.id))
    time = table.time[order]
    ids = table.id[order]
    step = _time_step(reader.where, ids, time)
    return Tracks(
        where=reader.where,
        id=ids,
        time=time,
        position=position[order],
        step=step,
        notes=table.notes,
    )


def track_episodes(
    table: TrackTable, columns: Columns = Columns(), limit: int | None = None
) -> ColumnarEpisodes:
    """Return the episodes of a table of tracks.

    Args:
        table: Rows of tracks.
        columns: Names of the position's columns; x and y by default.
        limit: Maximum number of rows per episode.

    Raises:
        UserError: As `sort_tracks` and `read_episodes`, or if no two rows are one step apart.
    """
    tracks = sort_tracks(table, columns)
    starts_episode = tracks.starts_track | (tracks.missing > 0)
    length = episode_lengths(np.append(starts_episode[1:], True), limit)
    has_steps = np.repeat(length > 1, length)
    if not has_steps.any():
        raise UserError(f"{tracks.where} has no track with two rows one time step apart")
    position = tracks.position[has_steps]
    lone_rows = int((length == 1).sum())
    length = length[length > 1]
    displacement = np.diff(position, axis=0, append=position[-1:])
    displacement[np.cumsum(length) - 1] = 0.0
    arrays = {"position": position, "displacement": displacement}
    track_reader = ColumnReader(tracks.where, tuple(arrays), lambda name: arrays[name])
    track_columns = Columns(observations=("position",), actions=("displacement",))
    episodes = read_episodes(track_reader, track_columns, length, boundary_columns=())
    lone_note = (LONE_ROWS.format(lone_rows),) if lone_rows else ()
    notes = (ACTIONS, *tracks.notes, *lone_note, *episodes.notes)
    return dataclasses.replace(episodes, notes=notes)


def _check_finite_times(table: TrackTable) -> None:
    bad = np.flatnonzero(~np.isfinite(table.time))
    if len(bad):
        row = int(bad[0])
        raise UserError(
            f"{table.reader.where}: row {row} (track {table.id[row]}) is at time "
            f"{table.time[row]}; needed: finite times ({len(bad)} are not)"
        )


def _time_step(where: str, ids: np.ndarray, time: np.ndarray) -> float:
    """Return the time step of rows sorted by id and time: the smallest one in a track."""
    same_track = ids[1:] == ids[:-1]
    gap = np.diff(time)
    if not same_track.any():
        raise UserError(f"{where} has no track with two rows")
    repeated = np.flatnonzero(same_track & (gap <= 0))
    if len(repeated):
        row = int(repeated[0])
        raise UserError(f"{where}: track {ids[row]} is at time {time[row]:g} twice")
    step = float(gap[same_track].min())
    deviation = np.abs(gap / step - np.round(gap / step))
    uneven = np.flatnonzero(same_track & (deviation > TIME_TOLERANCE * np.maximum(gap / step, 1)))
    if len(uneven):
        row = int(uneven[0])
        raise UserError(
            f"{where}: track {ids[row]} goes from time {time[row]:g} to {time[row + 1]:g}; "
            f"needed: equal steps of {step:g}"
        )
    return step
