"""The animation of a plan being denoised."""

import itertools

import numpy as np
import pytest

from dfplan.plots.denoising import DenoisingAnimation, animate_denoising
from dfplan.plots.scene import draw_function, plot_points

BEST = 1
GOAL = np.array([2.0, 0.5])


@pytest.fixture
def animation(trace, levels, drawing_env):
    return DenoisingAnimation(
        trace, levels, BEST, draw=draw_function(drawing_env), goal=GOAL, unit="m"
    )


def test_tokens_are_at_the_traced_points_colored_by_level(animation, trace, levels):
    for row in (0, 3, 6):
        animation.show(row)
        np.testing.assert_array_equal(animation.chosen.get_offsets(), trace[row, BEST, 1:])
        others = animation.others.get_offsets().reshape(2, 4, 2)
        np.testing.assert_array_equal(others, trace[row, [0, 2], 1:])
        np.testing.assert_array_equal(animation.chosen.get_array(), levels[row])
        np.testing.assert_array_equal(animation.others.get_array(), [*levels[row]] * 2)
        assert animation.chosen.get_clim() == animation.others.get_clim() == (0, 1)


def test_the_line_joins_clean_tokens_only(animation, trace, levels):
    animation.show(4)  # tokens 0 and 1 are clean
    drawn = animation.line.get_xydata()
    np.testing.assert_array_equal(drawn[:3], trace[4, BEST, :3])
    assert levels[4, 2] > 0 and np.isnan(drawn[3:]).all()
    animation.show(6)
    np.testing.assert_array_equal(animation.line.get_xydata(), trace[6, BEST])
    np.testing.assert_array_equal(animation.other_lines.get_segments(), trace[6, [0, 2]])


def test_levels_and_the_current_row(animation, levels):
    animation.show(2)
    corners = np.array([path.vertices[:4] for path in animation.columns.get_paths()])
    np.testing.assert_allclose(corners[..., 1].max(axis=1), levels[2])
    np.testing.assert_allclose(corners[..., 0].mean(axis=1), [1, 2, 3, 4])
    np.testing.assert_array_equal(animation.cursor.get_ydata(), [2, 2])
    np.testing.assert_array_equal(animation.matrix.images[0].get_array(), levels)
    assert "2 of 6" in animation.caption.get_text()


def test_scene(animation, drawing_env):
    ends = {line.get_gid(): line.get_xydata() for line in animation.scene.lines if line.get_gid()}
    np.testing.assert_array_equal(ends["start"], [[0, 0]])
    np.testing.assert_array_equal(ends["goal"], [GOAL])
    assert animation.scene.get_xlim() == (-3, 5) and drawing_env.drawn == [[]]
    assert animation.scene.get_xlabel() == "x (m)"


def test_frames_do_not_depend_on_the_previous_one(animation):
    first = animation.frame(0)
    last = animation.frame(6)
    assert first.dtype == np.uint8 and first.shape == (440, 880, 3)
    np.testing.assert_array_equal(animation.frame(0), first)
    assert (first != last).any()


def test_limits_without_a_draw_function(trace, levels):
    far = trace.copy()
    far[0, 0, 1] = 1e6
    scene = DenoisingAnimation(far, levels, BEST, goal=GOAL).scene
    left, right = scene.get_xlim()
    bottom, top = scene.get_ylim()
    drawn = np.concatenate([far[-1].reshape(-1, 2), GOAL[None]])
    assert left < drawn[:, 0].min() and drawn[:, 0].max() < right < 1e3
    assert bottom < drawn[:, 1].min() and drawn[:, 1].max() < top < 1e3


def test_file(trace, levels, drawing_env, tmp_path, read_gif):
    path = tmp_path / "figures" / "denoising.gif"
    animate_denoising(path, trace, levels, best=BEST, draw=draw_function(drawing_env), goal=GOAL)
    images, durations = read_gif(path)
    assert durations == [400] * 6 + [2000]
    assert all((a != b).any() for a, b in itertools.pairwise(images))


def test_many_rows_are_reduced_to_sixty_frames(trace, levels, tmp_path, read_gif):
    repeated = np.repeat(np.arange(7), 30)
    levels = levels[repeated]
    trace = trace[repeated] + np.linspace(0, 1, len(repeated))[:, None, None, None]
    animate_denoising(tmp_path / "d.gif", trace, levels, best=BEST)
    images, durations = read_gif(tmp_path / "d.gif")
    assert len(images) == 60 and durations == [100] * 59 + [2000]
    assert (tmp_path / "d.gif").stat().st_size < 2e6
    animation = DenoisingAnimation(trace, levels, BEST)
    for shown, row in ((images[0], 0), (images[-1], 209)):
        assert np.abs(shown.astype(int) - animation.frame(row)).mean() < 1


@pytest.mark.parametrize("count", [1, 2])
def test_one_dimension_no_goal_and_few_candidates(count, levels, tmp_path, read_gif):
    states = np.random.default_rng(0).normal(size=(7, count, 5, 1))
    animate_denoising(tmp_path / "d.gif", plot_points(states, (0,), 10), levels, best=0)
    assert len(read_gif(tmp_path / "d.gif")[0]) == 7


def test_at_most_seven_other_candidates_are_drawn(trace, levels):
    animation = DenoisingAnimation(np.tile(trace, (1, 5, 1, 1)), levels, BEST)
    animation.show(0)
    assert len(animation.others.get_offsets()) == 7 * 4


def test_levels_must_fit_the_trace(trace, levels):
    with pytest.raises(ValueError, match=r"\(7, 3\).*\(7, 4\)"):
        DenoisingAnimation(trace, levels[:, :3], BEST)
