"""Figures of OGBench's mazes."""

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
    colors = {tuple(color) for color in mesh.get_facecolor() if color[3] > 0}
    assert colors == {to_rgba(WALL)}
    assert 0 < mesh.get_array().mask.sum() < mesh.get_array().size
