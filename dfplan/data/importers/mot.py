"""MOT Challenge's text files: a box per line, without column names.

The lines are those of motchallenge.net's instructions: frame, id, left, top, width, height and
confidence, then class and visibility (ground truth since MOT16) or the position in the world
(MOT15 and results of trackers, -1 if unknown). Lengths are in pixels. The position is the center of
the box; `x bottom` is its lowest point, `x y width height` the whole box.
"""

from pathlib import Path

import numpy as np

from dfplan.data.importers.columns import ColumnReader
from dfplan.data.importers.text import as_integers, first_line, is_numbers, read_numbers
from dfplan.data.importers.track_table import TrackImporter, TrackTable
from dfplan.types import UserError

BOX = ("frame", "id", "left", "top", "width", "height", "conf")
GROUND_TRUTH = (*BOX, "class", "visibility")
RESULTS = (*BOX, "world_x", "world_y", "world_z")
LAYOUT = "frame, id, left, top, width, height, conf, ... (6 to 10 numbers with commas)"
IGNORED = "boxes that the ground truth marks as ignored are left out: {}"
UNTRACKED = "boxes without a track (id -1) are left out: {}"


def recognizes(path: Path) -> bool:
    """Return whether the first line of a file is a box."""
    fields = first_line(path).split(",")
    return 6 <= len(fields) <= 10 and is_numbers(fields)


def read_table(path: Path) -> TrackTable:
    """Read MOT Challenge's text files of tracks.

    Args:
        path: Text file, such as gt.txt or a tracker's result.

    Raises:
        UserError: If the file does not have these columns, or no box has a track.
    """
    rows = read_numbers(path, ",", valid=range(6, 11), layout=LAYOUT)
    names = GROUND_TRUTH if rows.shape[1] == len(GROUND_TRUTH) else RESULTS
    columns = dict(zip(names, rows.T, strict=False))
    track = as_integers(path, "id", columns["id"])
    frame = as_integers(path, "frame", columns["frame"])
    is_ignored = columns["conf"] == 0 if names == GROUND_TRUTH else np.zeros(len(rows), bool)
    is_tracked = track >= 0
    kept = is_tracked & ~is_ignored
    if not kept.any():
        raise UserError(f"{path} has no box of a track: ids are -1, or all boxes are ignored")
    boxes = {name: column[kept] for name, column in columns.items() if name not in BOX[:2]}
    boxes["x"] = boxes["left"] + boxes["width"] / 2
    boxes["y"] = boxes["top"] + boxes["height"] / 2
    boxes["bottom"] = boxes["top"] + boxes["height"]
    counts = {
        IGNORED: int((is_ignored & is_tracked).sum()),
        UNTRACKED: int((~is_tracked).sum()),
    }
    return TrackTable(
        reader=ColumnReader(str(path), tuple(boxes), lambda name: boxes[name]),
        id=track[kept],
        time=frame[kept].astype(np.float64),
        notes=tuple(note.format(count) for note, count in counts.items() if count),
    )


read = TrackImporter(read_table)
