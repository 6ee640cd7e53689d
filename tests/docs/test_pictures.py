"""The concepts' pictures are what the library draws now."""

import pytest
from matplotlib.testing.compare import compare_images

NAMES = ("matrices.png", "levels.png")


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_up_to_date(name, tmp_path):
    import pictures

    assert set(NAMES) == set(pictures.PICTURES)
    pictures.PICTURES[name](tmp_path / name)
    # Letters may look a little different on another machine; a cell's colour may not.
    assert compare_images(str(pictures.CONCEPTS / name), str(tmp_path / name), tol=3) is None
