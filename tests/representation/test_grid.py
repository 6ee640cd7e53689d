"""Grids whose points come in parts, and their bits."""

import numpy as np
import pytest

from dfplan.representation.grid import Grid

ANGLE = np.linspace(0, 2 * np.pi, 5000)
POINTS = np.stack([np.cos(ANGLE), np.sin(ANGLE)], axis=1).astype(np.float32)
BOX = {"low": POINTS.min(axis=0), "high": POINTS.max(axis=0), "count": len(POINTS)}


def test_parts_and_bits():
    whole = Grid.fit([POINTS], **BOX)
    parts = Grid.fit(np.split(POINTS, [1, 7, 4000]), **BOX)
    unpacked = Grid.unpack(whole.pack(), **BOX)
    for grid in (parts, unpacked):
        for a, b in zip(grid, whole, strict=True):
            np.testing.assert_array_equal(a, b)
    assert whole.visited.sum() == 12 and not whole.visited[1:3, 1:3].any()
    assert len(whole.pack()) == 2


def test_bits_of_another_grid_are_refused():
    with pytest.raises(ValueError, match="cells"):
        Grid.unpack(np.zeros(1, np.uint8), **BOX)
    assert Grid.unpack(np.zeros(0, np.uint8), low=BOX["low"], high=BOX["low"], count=9) is None
