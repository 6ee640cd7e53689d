"""The part of `dfplan predict` that fills the gaps in files of tracks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dfplan.cli.common import console
from dfplan.cli.gaps import Filler, Stretch
from dfplan.data.importers.columns import Columns
from dfplan.data.importers.formats import IMPORTERS, check_paths
from dfplan.data.importers.recognize import recognize
from dfplan.data.importers.track_table import DEFAULT, TrackImporter, Tracks, sort_tracks
from dfplan.forecast.track_gaps import csv_header, filled_csv, find_gaps
from dfplan.forecast.windows import COVERAGES, interval
from dfplan.runs.run import Run
from dfplan.types import UserError
from dfplan.util import files


def fill_files(
    filler: Filler, paths: Sequence[Path], columns: Sequence[str], out: Path, stretch: Stretch
) -> list[dict[str, Any]]:
    """Fill the gaps of files of tracks and write the completed tracks to one CSV file.

    Args:
        filler: Filler.
        paths: Files or folders of tracks.
        columns: Columns that form the state; x and y if empty.
        out: CSV file to write.
        stretch: Factors of the intervals, see `dfplan.forecast.windows.calibrate`.

    Returns:
        The gaps, one record each.

    Raises:
        UserError: If the files are not tracks, do not have the run's states, or have no gap.
    """
    names = tuple(columns) or DEFAULT.observations
    _check_states(filler.run, names)
    texts = []
    records = []
    for tracks in _read_tracks(paths, names):
        text, gaps = _fill_tracks(filler, tracks, stretch)
        texts.append(text)
        records += gaps
    files.write_text(out, csv_header(names) + "".join(texts))
    return records


def _check_states(run: Run, names: Sequence[str]) -> None:
    if run.layout.state_dim != len(names):
        raise UserError(
            f"states of this run have {run.layout.state_dim} numbers, but --columns "
            f"{' '.join(names)} has {len(names)}"
        )
    if run.config.data.stride != 1:
        raise UserError(
            f"every step of a track is filled, but tokens of this run are {run.config.data.stride} "
            "steps apart; valid: a run trained with data.stride 1"
        )


def _read_tracks(paths: Sequence[Path], names: tuple[str, ...]) -> list[Tracks]:
    check_paths(paths)
    importer = IMPORTERS.get(recognize(paths))
    if not isinstance(importer, TrackImporter):
        raise UserError(f"{paths[0]} does not hold tracks; valid: csv, mot, eth_ucy, ultralytics")
    columns = Columns(observations=names)
    return [sort_tracks(importer.read_table(path), columns) for path in paths]


def _fill_tracks(
    filler: Filler, tracks: Tracks, stretch: Stretch
) -> tuple[str, list[dict[str, Any]]]:
    """Return the completed tracks of one file as lines of CSV, and its gaps."""
    track_gaps = find_gaps(tracks, filler.run.config.data.tokens)
    longest = filler.run.config.data.tokens - 2
    if track_gaps.too_long:
        console.print(
            f"note: {tracks.where}: gaps of more than {longest} steps are left open: "
            f"{track_gaps.too_long}"
        )
    if not track_gaps.gaps:
        raise UserError(
            f"{tracks.where} has no gap to fill; needed: 1 to {longest} missing time steps between "
            "two positions of a track"
        )
    layout = filler.run.layout
    local = track_gaps.incomplete._replace(states=layout.to_local(track_gaps.incomplete.states))
    samples = filler.sample(f"filling {tracks.where}", local, filler.seed)
    coverage = max(COVERAGES)
    low, high = interval(samples, coverage, stretch[coverage])
    fills = []
    intervals = []
    for i, gap in enumerate(track_gaps.gaps):
        steps = slice(gap.first, gap.first + gap.length)
        fills.append(layout.to_global(samples[i].mean(axis=0)[steps]))
        intervals.append((layout.to_global(low[i, steps]), layout.to_global(high[i, steps])))
    records = [
        {"file": tracks.where, "track": gap.track, "after_time": gap.time, "steps": gap.length}
        for gap in track_gaps.gaps
    ]
    return filled_csv(tracks, track_gaps, fills, intervals), records
