"""The description of how the ant walks, on episodes that are written here."""

import numpy as np

from dfplan_envs.ogbench.cells import MazeCells
from experiments.walker.describe import describe

CORRIDOR = np.pad(np.zeros((1, 5), int), 1, constant_values=1)
"""Five free cells, 4 m apart, from (0, 0) to (16, 0)."""


def walk(speed, steps):
    """Return states of an upright ant that walks along x."""
    states = np.zeros((steps, 29))
    states[:, 0] = speed * np.arange(steps)
    states[:, 3] = 1.0  # quaternion (w, x, y, z)
    return states


def test_crossings_and_falls_are_counted():
    overturned = walk(speed=0.2, steps=60)
    overturned[45:, 3:5] = (0.0, 1.0)  # turned by 180 degrees about x
    rows = describe(MazeCells(CORRIDOR), [walk(speed=0.2, steps=80), overturned])
    assert [value for _, value in rows] == ["2", "4.5, 5", "20", "20, 20", "50.0", "10.7"]
