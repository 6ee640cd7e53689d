"""The figures of the concept pages are what the library draws now."""

import pytest
from matplotlib.testing.compare import compare_images

NAMES = ("matrices.png", "levels.png", "layers.png")


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_up_to_date(name, tmp_path):
    import pictures

    assert set(NAMES) == set(pictures.PICTURES)
    pictures.PICTURES[name](tmp_path / name)
    # Letters may look slightly different on another machine; the color of a cell may not.
    assert compare_images(str(pictures.CONCEPTS / name), str(tmp_path / name), tol=3) is None
