"""Episode: what was driven, as an animated picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dfplan.plots.gif import write_gif

FASTEST = 50.0  # frames per second; browsers slow down a GIF that asks for more


def write_episode(
    path: Path | str, frames: Sequence[np.ndarray], fps: float, size: int = 320
) -> None:
    """Write rendered frames as an animated GIF that plays at their own speed.

    Args:
        path: of the GIF; its folder is made.
        frames: uint8 `[H, W, 3]`, all of one shape, as `env.render()` gives them.
        fps: frames per second; above 50, frames are left out.
        size: longest side in pixels; larger frames are scaled down.

    Raises:
        ValueError: when there are no frames or `fps` is not above 0.
    """
    if not len(frames) or not fps > 0:
        raise ValueError(f"an episode needs frames and fps above 0, got {len(frames)} at {fps}")
    every = int(np.ceil(fps / FASTEST))
    kept = [scaled(np.asarray(frame), size) for frame in frames[::every]]
    write_gif(path, kept, _milliseconds(len(kept), fps / every))


def _milliseconds(count: int, fps: float) -> list[int]:
    """Times to show frames whose sum is right, though each is rounded to a GIF's 10 ms."""
    return [int(t) for t in 10 * np.diff(np.round(100 * np.arange(count + 1) / fps))]


def scaled(frame: np.ndarray, size: int) -> np.ndarray:
    """The frame, smaller where its longest side has more than `size` pixels."""
    from PIL import Image

    height, width = frame.shape[:2]
    factor = size / max(height, width)
    if factor >= 1:
        return frame
    shape = (max(round(width * factor), 1), max(round(height * factor), 1))
    return np.asarray(Image.fromarray(frame).resize(shape, Image.Resampling.BOX))
