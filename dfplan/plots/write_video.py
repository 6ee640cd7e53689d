"""Video: frames as an animated GIF or an MP4 file."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dfplan.plots.episode import scaled, write_episode
from dfplan.types import UserError
from dfplan.util.optional import import_optional

FORMATS = (".gif", ".mp4")


def check_video(path: Path) -> None:
    """Check that a file's name is one that `write_video` knows, and that it can write such a file.

    Raises:
        UserError: when it is not, or the package for MP4 is missing.
    """
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"a video must end in {' or '.join(FORMATS)}, got {path}")
    if path.suffix.lower() == ".mp4":
        import_optional("imageio_ffmpeg", "video", "an MP4 video")


def write_video(path: Path | str, frames: Sequence[np.ndarray], fps: float, size: int) -> None:
    """Write frames as a GIF or, by the extra `video`, as an MP4 (H.264).

    Args:
        path: ends in .gif or .mp4; its folder is made.
        frames: uint8 `[H, W, 3]`, all of one shape.
        fps: frames per second.
        size: longest side in pixels; larger frames are scaled down.

    Raises:
        UserError: as `check_video`.
    """
    path = Path(path)
    check_video(path)
    if path.suffix.lower() == ".gif":
        write_episode(path, frames, fps, size)
        return
    ffmpeg = import_optional("imageio_ffmpeg", "video", "an MP4 video")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Its colours are stored for squares of 2 x 2 pixels, so both sides have to be even.
    even = [_even(scaled(np.asarray(frame), size)) for frame in frames]
    height, width = even[0].shape[:2]
    writer = ffmpeg.write_frames(str(path), (width, height), fps=fps, macro_block_size=2)
    with _no_fork():
        writer.send(None)
    for frame in even:
        writer.send(frame)
    writer.close()


@contextlib.contextmanager
def _no_fork() -> Iterator[None]:
    """Have ffmpeg started without a fork, which may hang beside JAX's threads, as JAX warns."""
    name = "IMAGEIO_FFMPEG_NO_PREVENT_SIGINT"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _even(frame: np.ndarray) -> np.ndarray:
    height, width = (side - side % 2 for side in frame.shape[:2])
    return np.ascontiguousarray(frame[:height, :width])
