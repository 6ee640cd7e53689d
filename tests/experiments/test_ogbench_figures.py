"""Figures of OGBench's mazes."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

pytest.importorskip("ogbench")

from experiments.ogbench.figures import WALL, _wall_painter


def test_walls_are_gray_and_free_cells_are_empty():
    figure = Figure()
    ax = figure.subplots()
    _wall_painter("pointmaze-medium-stitch")(ax)
    figure.draw_without_rendering()
    (mesh,) = ax.collections
    colors = np.unique(np.asarray(mesh.get_facecolor()), axis=0)
    visible = colors[colors[:, 3] > 0]
    np.testing.assert_allclose(visible, [to_rgba(WALL)])
    assert len(colors) == 2  # the other one is transparent
