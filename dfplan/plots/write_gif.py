"""GIF files whose frames share one palette."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dfplan.util import files

COLORS = 255
"""Palette size; one less than a GIF allows, as the last index marks unchanged pixels."""
EXACT_COLORS = 128
"""Number of palette entries that are copied exactly, most frequent first."""
SAMPLED_FRAMES = 8
"""Number of frames that the palette is made from."""
CELL = np.uint8(0xFC)
"""Mask of a color cell: 4 x 4 x 4 neighboring colors count as one."""
SHIFT = np.array([1 << 16, 1 << 8, 1], np.uint32)
"""Weights that pack red, green and blue into one integer."""
TICK_MS = 10
"""Time resolution of a GIF, in milliseconds."""


def write_gif(path: Path | str, frames: Sequence[np.ndarray], milliseconds: Sequence[int]) -> None:
    """Write frames as an endlessly looping GIF.

    Args:
        path: Output file; its directory is created.
        frames: uint8 `[H, W, 3]`, all of the same size.
        milliseconds: Display time of each frame, rounded to 10 ms.
    """
    from PIL import Image

    colors = _palette(frames)
    # Pillow matches a color by the lower corner of its cell, so the lookup palette holds corners.
    corners = Image.new("P", (1, 1))
    corners.putpalette((colors & CELL).tobytes())
    images = []
    for frame in frames:
        image = Image.fromarray(frame).quantize(palette=corners, dither=Image.Dither.NONE)
        image.putpalette(colors.tobytes())
        images.append(image)
    with files.atomic_file(path) as new:
        images[0].save(
            new,
            format="GIF",
            save_all=True,
            append_images=images[1:],
            duration=[max(round(ms / TICK_MS), 1) * TICK_MS for ms in milliseconds],
            loop=0,
            optimize=False,
        )


def _palette(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Return at most 255 colors `[C, 3]` for a few frames, evenly spaced over all of them.

    The most frequent colors are copied exactly, so that surfaces look flat. Every other color
    counts once however frequent it is, so that a small marker keeps its color.
    """
    from PIL import Image

    samples = np.unique(np.linspace(0, len(frames) - 1, SAMPLED_FRAMES).astype(int))
    colors = _by_frequency(np.concatenate([frames[i].reshape(-1, 3) for i in samples]))
    if len(colors) <= COLORS:
        return colors
    rest = Image.fromarray(colors[None, EXACT_COLORS:])
    rest = rest.quantize(COLORS - EXACT_COLORS, method=Image.Quantize.MEDIANCUT).getpalette()
    return np.concatenate([colors[:EXACT_COLORS], np.array(rest, np.uint8).reshape(-1, 3)])


def _by_frequency(pixels: np.ndarray) -> np.ndarray:
    """Return the colors of `pixels` `[N, 3]`, most frequent first, one per cell of 4 x 4 x 4."""
    codes, counts = np.unique(pixels.astype(np.uint32) @ SHIFT, return_counts=True)
    codes = codes[np.argsort(-counts, kind="stable")]
    colors = np.stack([codes >> 16, codes >> 8, codes], axis=-1).astype(np.uint8)
    _, first = np.unique((colors & CELL).astype(np.uint32) @ SHIFT, return_index=True)
    return colors[np.sort(first)]
