"""Tracks of Ultralytics' YOLO: label files of `track` with `save_txt`, or results in memory.

`save_txt` writes labels/NAME_FRAME.txt, one file per frame with boxes, and in it a line per box:
class, center x, center y, width and height as fractions of the image size, the confidence with
`save_conf`, and the track's id if it has one (ultralytics, `Results.save_txt`). Results in memory
have the image size, so their positions are in pixels.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.importers.columns import ColumnReader, Columns
from dfplan.data.importers.episodes import ColumnarEpisodes
from dfplan.data.importers.text import is_numbers
from dfplan.data.importers.track_table import TrackImporter, TrackTable, track_episodes
from dfplan.types import UserError, shorten
from dfplan.util.readers import reading

NAMES = ("class", "x", "y", "width", "height")
LAYOUT = "class, x, y, width, height, then the confidence with save_conf, then the track's id"
BOX_FIELDS = range(5, 8)
SHARES = "positions are fractions of the image's width and height"
UNTRACKED = "boxes without a track are left out: {}"
FRAME_FILE = re.compile(r"(?:(?P<video>.*)_)?(?P<frame>\d+)")


def recognizes(path: Path) -> bool:
    """Return whether a folder holds label files, each named after a frame."""
    return path.is_dir() and bool(_label_files(path))


def read_table(path: Path) -> TrackTable:
    """Read folders of tracks that Ultralytics saved with save_txt.

    Args:
        path: Folder of label files, or the one that holds it as labels/.

    Raises:
        UserError: If there are no label files, a line is not a box, or no box has a track.
    """
    files = _label_files(path)
    if not files:
        raise UserError(f"{path} holds no label files such as labels/NAME_1.txt")
    lines = [(video, frame, line) for video, frame, file in files for line in _lines(file)]
    fields = [line for _, _, line in lines]
    # With six numbers on a line, the last one is the confidence if other lines have both.
    has_confidence = any(len(line) == 7 or _is_share(line[5:]) for line in fields)
    is_tracked = [len(line) == 6 + has_confidence for line in fields]
    videos = len({video for video, _, _ in files})
    return _table(
        str(path),
        boxes=[line[:5] for line in fields],
        ids=[
            line[-1] if tracked else -1.0 for line, tracked in zip(fields, is_tracked, strict=True)
        ],
        frames=[frame for _, frame, _ in lines],
        videos=[video for video, _, _ in lines] if videos > 1 else [],
        notes=(SHARES,),
    )


read = TrackImporter(read_table)


def read_results(
    results: Iterable[Any], columns: Columns = Columns(), limit: int | None = None
) -> ColumnarEpisodes:
    """Return the tracks in the results of `model.track`, in pixels.

    Args:
        results: `ultralytics.engine.results.Results`, one per frame, as a list or a stream.
        columns: Names of the position's columns; x and y by default.
        limit: Maximum number of rows per episode.

    Raises:
        UserError: If an object is not a result with boxes, or no box has a track.
    """
    boxes: list[np.ndarray] = []
    ids: list[float] = []
    frames: list[int] = []
    for frame, result in enumerate(results):
        group = getattr(result, "obb", None)
        group = getattr(result, "boxes", None) if group is None else group
        if group is None:
            raise UserError(
                f"result {frame} is a {type(result).__name__} without boxes; needed: the results "
                "of model.track"
            )
        count = len(group)
        if not count:
            continue
        box = _array(group.xywhr if hasattr(group, "xywhr") else group.xywh)[:, :4]
        boxes.extend(np.column_stack([_array(group.cls), box]))
        ids.extend(np.full(count, -1.0) if group.id is None else _array(group.id))
        frames.extend([frame] * count)
    table = _table("results", boxes=boxes, ids=ids, frames=frames, videos=[], notes=())
    return track_episodes(table, columns, limit)


def _table(
    where: str,
    boxes: Sequence[Any],
    ids: Sequence[float],
    frames: Sequence[int],
    videos: Sequence[str],
    notes: tuple[str, ...],
) -> TrackTable:
    """Return the boxes of tracks as a table; an id of -1 marks a box without a track."""
    track = np.array(ids)
    is_tracked = track >= 0
    if not is_tracked.any():
        raise UserError(f"{where} has no box of a track; needed: the output of track, not predict")
    columns: dict[str, np.ndarray] = dict(
        zip(NAMES, np.array(boxes, np.float64)[is_tracked].T, strict=True)
    )
    names = np.array([f"{int(number)}" for number in track])
    if videos:
        names = np.array([f"{video} {id}" for video, id in zip(videos, names, strict=True)])
    untracked = int((~is_tracked).sum())
    return TrackTable(
        reader=ColumnReader(where, tuple(columns), lambda name: columns[name]),
        id=names[is_tracked],
        time=np.array(frames, np.float64)[is_tracked],
        notes=(*notes, UNTRACKED.format(untracked)) if untracked else notes,
    )


def _label_files(path: Path) -> list[tuple[str, int, Path]]:
    """Return the video, the frame and the path of each label file."""
    folder = path / "labels" if (path / "labels").is_dir() else path
    files = []
    for file in sorted(folder.glob("*.txt")):
        match = FRAME_FILE.fullmatch(file.stem)
        if match:
            files.append((match["video"] or "", int(match["frame"]), file))
    return files


def _lines(path: Path) -> list[list[float]]:
    with reading(path, f"lines of {LAYOUT}"):
        lines = [line.split() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    lines = [fields for fields in lines if fields]
    for fields in lines:
        if len(fields) not in BOX_FIELDS or not is_numbers(fields):
            text = shorten(" ".join(fields), 80)
            raise UserError(f"{path} has the line {text!r}; needed: {LAYOUT}")
    return [[float(field) for field in fields] for fields in lines]


def _is_share(fields: list[float]) -> bool:
    return len(fields) == 1 and fields[0] != round(fields[0])


def _array(tensor: Any) -> np.ndarray:
    """Return a tensor of any library, on any device, as an array."""
    return np.asarray(tensor.cpu() if hasattr(tensor, "cpu") else tensor, np.float64)
