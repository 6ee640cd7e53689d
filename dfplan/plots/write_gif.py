"""GIF files: frames in one shared palette."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

COLORS = 255  # one less than a GIF has: the last marks what a frame leaves unchanged
KEPT = 128  # of them, the ones taken over exactly
SAMPLED = 8  # frames that the palette is made from
CELL = np.uint8(0xFC)
SHIFT = np.array([1 << 16, 1 << 8, 1], np.uint32)
TICK_MS = 10  # a GIF counts in hundredths of a second


def write_gif(path: Path | str, frames: Sequence[np.ndarray], milliseconds: Sequence[int]) -> None:
    """Write frames that repeat for ever.

    Args:
        path: of the file; its folder is made.
        frames: uint8 `[H, W, 3]`, all of one size.
        milliseconds: how long each is shown, rounded to 10 ms.
    """
    from PIL import Image

    colors = _colors(frames)
    # Pillow looks a colour up by the lower corner of its cell, so it is shown corners to find.
    corners = Image.new("P", (1, 1))
    corners.putpalette((colors & CELL).tobytes())
    images = []
    for frame in frames:
        image = Image.fromarray(frame).quantize(palette=corners, dither=Image.Dither.NONE)
        image.putpalette(colors.tobytes())
        images.append(image)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    images[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=[max(round(ms / TICK_MS), 1) * TICK_MS for ms in milliseconds],
        loop=0,
        optimize=False,
    )


def _colors(frames: Sequence[np.ndarray]) -> np.ndarray:
    """At most 255 colours `[C, 3]` for a few frames spread over all of them.

    The most frequent are kept as they are, so that surfaces look flat. Of the others each counts
    once however often it occurs, so that a small mark keeps its colour.
    """
    from PIL import Image

    picked = np.unique(np.linspace(0, len(frames) - 1, SAMPLED).astype(int))
    colors = _by_frequency(np.concatenate([frames[i].reshape(-1, 3) for i in picked]))
    if len(colors) <= COLORS:
        return colors
    rest = Image.fromarray(colors[None, KEPT:])
    rest = rest.quantize(COLORS - KEPT, method=Image.Quantize.MEDIANCUT).getpalette()
    return np.concatenate([colors[:KEPT], np.array(rest, np.uint8).reshape(-1, 3)])


def _by_frequency(pixels: np.ndarray) -> np.ndarray:
    """The colours of `pixels` `[N, 3]`, most frequent first, one for each cell of 4x4x4."""
    codes, counts = np.unique(pixels.astype(np.uint32) @ SHIFT, return_counts=True)
    codes = codes[np.argsort(-counts, kind="stable")]
    colors = np.stack([codes >> 16, codes >> 8, codes], axis=-1).astype(np.uint8)
    _, first = np.unique((colors & CELL).astype(np.uint32) @ SHIFT, return_index=True)
    return colors[np.sort(first)]
