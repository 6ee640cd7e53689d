"""Videos: frames written as an animated GIF or an MP4 file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dfplan.plots.write_gif import write_gif
from dfplan.types import UserError
from dfplan.util import files
from dfplan.util.optional import import_optional
from dfplan.util.variables import environment_variables

FORMATS = (".gif", ".mp4")
NO_FORK = {"IMAGEIO_FFMPEG_NO_PREVENT_SIGINT": "1"}
"""Lets ffmpeg start without a fork, which may deadlock with JAX's threads, as JAX warns."""
MAX_GIF_FPS = 50.0
"""Browsers slow down a GIF that asks for a higher frame rate."""


def check_video(path: Path) -> None:
    """Check that `write_video` can write a file of this name.

    Raises:
        UserError: If the suffix is unknown, or the package for MP4 is not installed.
    """
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"a video must end in {' or '.join(FORMATS)}, got {path}")
    if path.suffix.lower() == ".mp4":
        import_optional("imageio_ffmpeg", "video", "an MP4 video")


def write_video(
    path: Path | str, frames: Sequence[np.ndarray], fps: float, size: int = 320
) -> None:
    """Write frames as a GIF or, with the extra `video`, as an MP4 (H.264).

    Args:
        path: Output file ending in .gif or .mp4; its directory is created.
        frames: uint8 `[H, W, 3]`, all of the same shape, as `env.render()` returns them.
        fps: Frames per second; a GIF drops frames above 50.
        size: Longest side in pixels; larger frames are scaled down.

    Raises:
        UserError: If the suffix is unknown, or the package for MP4 is not installed.
        ValueError: If there are no frames, or `fps` is not positive.
    """
    path = Path(path)
    check_video(path)
    if not len(frames) or not fps > 0:
        raise ValueError(f"a video needs frames and a positive fps, got {len(frames)} and {fps}")
    if path.suffix.lower() == ".gif":
        _write_gif(path, frames, fps, size=size)
    else:
        _write_mp4(path, frames, fps, size=size)


def _write_gif(path: Path, frames: Sequence[np.ndarray], fps: float, size: int) -> None:
    every = int(np.ceil(fps / MAX_GIF_FPS))
    scaled = [_scale_down(np.asarray(frame), size) for frame in frames[::every]]
    write_gif(path, scaled, _frame_times(len(scaled), fps / every))


def _write_mp4(path: Path, frames: Sequence[np.ndarray], fps: float, size: int) -> None:
    ffmpeg = import_optional("imageio_ffmpeg", "video", "an MP4 video")
    # H.264 stores color for squares of 2 x 2 pixels, so both sides have to be even.
    even = [_crop_to_even(_scale_down(np.asarray(frame), size)) for frame in frames]
    height, width = even[0].shape[:2]
    with files.atomic_file(path) as new:
        writer = ffmpeg.write_frames(str(new), (width, height), fps=fps, macro_block_size=2)
        with environment_variables(NO_FORK):
            writer.send(None)
        for frame in even:
            writer.send(frame)
        writer.close()


def _frame_times(count: int, fps: float) -> list[int]:
    """Return display times in ms with the correct sum, although each is a multiple of 10 ms."""
    return [int(t) for t in 10 * np.diff(np.round(100 * np.arange(count + 1) / fps))]


def _scale_down(frame: np.ndarray, size: int) -> np.ndarray:
    """Return the frame, scaled down if its longest side exceeds `size` pixels."""
    from PIL import Image

    height, width = frame.shape[:2]
    factor = size / max(height, width)
    if factor >= 1:
        return frame
    shape = (max(round(width * factor), 1), max(round(height * factor), 1))
    return np.asarray(Image.fromarray(frame).resize(shape, Image.Resampling.BOX))


def _crop_to_even(frame: np.ndarray) -> np.ndarray:
    height, width = (side - side % 2 for side in frame.shape[:2])
    return np.ascontiguousarray(frame[:height, :width])
