"""The animation of a plan being denoised."""

import itertools

import numpy as np
import pytest

from dfplan.plots.denoising import DenoisingPicture, animate_denoising
from dfplan.plots.scene import drawer, points

BEST = 1
GOAL = np.array([2.0, 0.5])


@pytest.fixture
def picture(trace, levels, drawing):
    return DenoisingPicture(trace, levels, BEST, drawer(drawing), GOAL, unit="m")


def test_tokens_stand_where_the_trace_says_coloured_by_level(picture, trace, levels):
    for row in (0, 3, 6):
        picture.show(row)
        np.testing.assert_array_equal(picture.chosen.get_offsets(), trace[row, BEST, 1:])
        others = picture.others.get_offsets().reshape(2, 4, 2)
        np.testing.assert_array_equal(others, trace[row, [0, 2], 1:])
        np.testing.assert_array_equal(picture.chosen.get_array(), levels[row])
        np.testing.assert_array_equal(picture.others.get_array(), [*levels[row]] * 2)
        assert picture.chosen.get_clim() == picture.others.get_clim() == (0, 1)


def test_the_line_joins_clean_tokens_only(picture, trace, levels):
    picture.show(4)  # tokens 0 and 1 are clean
    drawn = picture.line.get_xydata()
    np.testing.assert_array_equal(drawn[:3], trace[4, BEST, :3])
    assert levels[4, 2] > 0 and np.isnan(drawn[3:]).all()
    picture.show(6)
    np.testing.assert_array_equal(picture.line.get_xydata(), trace[6, BEST])
    np.testing.assert_array_equal(picture.other_lines.get_segments(), trace[6, [0, 2]])


def test_levels_and_the_present_row(picture, levels):
    picture.show(2)
    corners = np.array([path.vertices[:4] for path in picture.columns.get_paths()])
    np.testing.assert_allclose(corners[..., 1].max(axis=1), levels[2])
    np.testing.assert_allclose(corners[..., 0].mean(axis=1), [1, 2, 3, 4])
    np.testing.assert_array_equal(picture.cursor.get_ydata(), [2, 2])
    np.testing.assert_array_equal(picture.matrix.images[0].get_array(), levels)
    assert picture.caption.get_text() == "step 2 of 6"


def test_scene(picture, drawing):
    marks = {line.get_gid(): line.get_xydata() for line in picture.scene.lines if line.get_gid()}
    np.testing.assert_array_equal(marks["start"], [[0, 0]])
    np.testing.assert_array_equal(marks["goal"], [GOAL])
    assert picture.scene.get_xlim() == (-3, 5) and drawing.drawn == [[]]
    assert picture.scene.get_xlabel() == "x (m)"


def test_images_do_not_depend_on_the_one_before(picture):
    first, last = picture.image(0), picture.image(6)
    assert first.dtype == np.uint8 and first.shape == (440, 880, 3)
    np.testing.assert_array_equal(picture.image(0), first)
    assert (first != last).any()


def test_limits_without_environment(trace, levels):
    far = trace.copy()
    far[0, 0, 1] = 1e6
    scene = DenoisingPicture(far, levels, BEST, goal=GOAL).scene
    (left, right), (bottom, top) = scene.get_xlim(), scene.get_ylim()
    drawn = np.concatenate([far[-1].reshape(-1, 2), GOAL[None]])
    assert left < drawn[:, 0].min() and drawn[:, 0].max() < right < 1e3
    assert bottom < drawn[:, 1].min() and drawn[:, 1].max() < top < 1e3


def test_file(trace, levels, drawing, tmp_path, read_gif):
    path = tmp_path / "figures" / "denoising.gif"
    animate_denoising(path, trace, levels, BEST, drawer(drawing), GOAL)
    images, durations = read_gif(path)
    assert durations == [400] * 6 + [2000]
    assert all((a != b).any() for a, b in itertools.pairwise(images))


def test_many_rows_become_sixty_frames(trace, levels, tmp_path, read_gif):
    often = np.repeat(np.arange(7), 30)
    trace, levels = trace[often], levels[often]
    trace = trace + np.linspace(0, 1, len(often))[:, None, None, None]
    animate_denoising(tmp_path / "d.gif", trace, levels, BEST)
    images, durations = read_gif(tmp_path / "d.gif")
    assert len(images) == 60 and durations == [100] * 59 + [2000]
    assert (tmp_path / "d.gif").stat().st_size < 2e6
    picture = DenoisingPicture(trace, levels, BEST)
    for shown, row in ((images[0], 0), (images[-1], 209)):
        assert np.abs(shown.astype(int) - picture.image(row)).mean() < 1


@pytest.mark.parametrize("count", [1, 2])
def test_one_dimension_no_goal_and_few_candidates(count, levels, tmp_path, read_gif):
    states = np.random.default_rng(0).normal(size=(7, count, 5, 1))
    animate_denoising(tmp_path / "d.gif", points(states, (0,), 10), levels, 0)
    assert len(read_gif(tmp_path / "d.gif")[0]) == 7


def test_seven_others_are_enough(trace, levels):
    picture = DenoisingPicture(np.tile(trace, (1, 5, 1, 1)), levels, BEST)
    picture.show(0)
    assert len(picture.others.get_offsets()) == 7 * 4


def test_levels_of_another_plan(trace, levels):
    with pytest.raises(ValueError, match=r"\(7, 3\); the trace needs \(7, 4\)"):
        DenoisingPicture(trace, levels[:, :3], BEST)
