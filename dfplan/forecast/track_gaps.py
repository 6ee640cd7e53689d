"""Gaps in files of tracks: find them, and write the completed tracks."""

import csv
import io
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dfplan.data.importers.track_table import Tracks
from dfplan.forecast.fill import Incomplete


class TrackGap(NamedTuple):
    """A gap in a track.

    Attributes:
        track: Id of the track.
        time: Time of the last position before the gap.
        length: Missing steps.
        first: Index of the first missing step in the window that is filled.
    """

    track: str
    time: float
    length: int
    first: int


class TrackGaps(NamedTuple):
    """Gaps of tracks, with the windows to fill.

    Attributes:
        gaps: Gaps, one per window.
        incomplete: Windows of T states around the gaps, in the file's coordinates.
        too_long: Number of gaps that are too long for a window.
    """

    gaps: list[TrackGap]
    incomplete: Incomplete
    too_long: int


def find_gaps(tracks: Tracks, tokens: int) -> TrackGaps:
    """Return the gaps of tracks, each in the middle of a window, as far as its track allows.

    Args:
        tracks: Tracks.
        tokens: States of a window, T.
    """
    gaps: list[TrackGap] = []
    windows: list[Incomplete] = []
    too_long = 0
    starts = np.append(np.flatnonzero(tracks.starts_track), len(tracks.id))
    for begin, end in itertools.pairwise(starts):
        rows = slice(int(begin), int(end))
        missing = tracks.missing[rows]
        step = np.arange(end - begin) + np.cumsum(missing)
        for row in np.flatnonzero(missing):
            length = int(missing[row])
            if length > tokens - 2:
                too_long += 1
                continue
            first_missing = int(step[row]) - length
            last_start = max(int(step[-1]) + 1 - tokens, 0)
            start = int(np.clip(first_missing - (tokens - length) // 2, 0, last_start))
            windows.append(_window(tracks.position[rows], step - start, tokens))
            gaps.append(
                TrackGap(
                    track=str(tracks.id[begin]),
                    time=float(tracks.time[rows][row - 1]),
                    length=length,
                    first=first_missing - start,
                )
            )
    dims = tracks.position.shape[1]
    stacked = Incomplete(
        states=np.array([window.states for window in windows]).reshape(-1, tokens, dims),
        known=np.array([window.known for window in windows], bool).reshape(-1, tokens),
        valid=np.array([window.valid for window in windows], bool).reshape(-1, tokens),
    )
    return TrackGaps(gaps=gaps, incomplete=stacked, too_long=too_long)


def _window(position: np.ndarray, step: np.ndarray, tokens: int) -> Incomplete:
    """Return one window of a track; `step` is each row's step, counted from the window's start."""
    inside = (step >= 0) & (step < tokens)
    states = np.full((tokens, position.shape[1]), position[inside][0])
    states[step[inside]] = position[inside]
    known = np.zeros(tokens, bool)
    known[step[inside]] = True
    return Incomplete(states=states, known=known, valid=np.arange(tokens) <= step[-1])


def csv_header(names: Sequence[str]) -> str:
    """Return the first line of a file of completed tracks.

    The columns are id, time, the position's, `filled` (0 or 1), and the ends of the interval of
    each coordinate, which are empty where the position is known.

    Args:
        names: Names of the position's columns.
    """
    ends = [f"{name}_{end}" for name in names for end in ("low", "high")]
    return ",".join(["id", "time", *names, "filled", *ends]) + "\n"


def filled_csv(
    tracks: Tracks,
    track_gaps: TrackGaps,
    fills: Sequence[np.ndarray],
    intervals: Sequence[tuple[np.ndarray, np.ndarray]],
) -> str:
    """Return tracks and their filled gaps as lines of CSV, sorted by id and time.

    Args:
        tracks: Tracks.
        track_gaps: Their gaps.
        fills: `[P, S]` positions in each gap.
        intervals: Lower and upper ends `[P, S]` of each gap's intervals.
    """
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    gaps = {(gap.track, gap.time): i for i, gap in enumerate(track_gaps.gaps)}
    empty = [""] * (2 * tracks.position.shape[1])
    for track, time, position in zip(tracks.id, tracks.time, tracks.position, strict=True):
        writer.writerow([track, _text(time), *map(_text, position), 0, *empty])
        i = gaps.get((str(track), float(time)))
        if i is None:
            continue
        low, high = intervals[i]
        for j in range(track_gaps.gaps[i].length):
            bounds = np.stack([low[j], high[j]], axis=1).ravel()
            filled_time = _text(time + (j + 1) * tracks.step)
            writer.writerow([track, filled_time, *map(_text, fills[i][j]), 1, *map(_text, bounds)])
    return output.getvalue()


def _text(number: float) -> str:
    return f"{number:.10g}"
