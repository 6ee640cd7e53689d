"""The figure of plans."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from dfplan.plots.plans import PlanCase, draw_plans, plans_figure
from dfplan.plots.scene import draw_function, goal_point, plot_points

DRIVEN = np.array([[0.0, 0.0], [0.4, 0.1], [1.1, 0.2]])


@pytest.fixture
def case(candidates):
    return PlanCase(candidates, 1, DRIVEN, goal=np.array([2.0, 0.5]), title="seed 5", seed=5)


def lines_with_id(ax, gid):
    return [line.get_xydata() for line in ax.lines if line.get_gid() == gid]


def legend_labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_artists_are_at_the_given_coordinates(case, drawing_env):
    figure = plans_figure([case], draw_function(drawing_env), unit="m")
    (ax,) = figure.axes
    np.testing.assert_array_equal(lines_with_id(ax, "plan"), case.candidates[[1]])
    np.testing.assert_array_equal(lines_with_id(ax, "candidate"), case.candidates[[0, 2]])
    np.testing.assert_array_equal(lines_with_id(ax, "driven"), [DRIVEN])
    np.testing.assert_array_equal(lines_with_id(ax, "start"), [[[0, 0]]])
    np.testing.assert_array_equal(lines_with_id(ax, "goal"), [[[2, 0.5]]])
    assert (ax.get_xlim(), ax.get_ylim()) == ((-3, 5), (-2, 2))
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("x (m)", "y (m)", "seed 5")
    assert legend_labels(figure) == ["start", "goal", "candidates", "chosen plan", "path driven"]
    assert drawing_env.drawn == [[5]]


def test_without_a_draw_function_the_axes_fit_the_data(case):
    (ax,) = plans_figure([case]).axes
    drawn = np.concatenate([case.candidates.reshape(-1, 2), DRIVEN, case.goal[None]])
    for limits, values in zip((ax.get_xlim(), ax.get_ylim()), drawn.T, strict=True):
        assert limits[0] < values.min() and values.max() < limits[1]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")


def test_the_legend_lists_only_what_is_shown(candidates):
    figure = plans_figure([PlanCase(candidates[:1], 0, np.empty((0, 2)))])
    assert legend_labels(figure) == ["start", "chosen plan"]
    assert {line.get_gid() for line in figure.axes[0].lines} == {"start", "plan"}


def test_one_dimensional_states():
    states = np.array([[[0.0], [1.0], [3.0]]])
    goal = goal_point(np.array([3.0]), (0,), (0,), end=20)
    case = PlanCase(plot_points(states, (0,), 10), 0, plot_points(states[0], (0,)), goal=goal)
    (ax,) = plans_figure([case], names=("control step", "state 0")).axes
    np.testing.assert_array_equal(lines_with_id(ax, "plan"), [[[0, 0], [10, 1], [20, 3]]])
    np.testing.assert_array_equal(lines_with_id(ax, "driven"), [[[0, 0], [1, 1], [2, 3]]])
    np.testing.assert_array_equal(lines_with_id(ax, "goal"), [[[20, 3]]])
    assert ax.get_ylabel() == "state 0"


@pytest.mark.parametrize(
    ("goal", "line"), [([np.nan, 1.5], [[0, 1.5], [1, 1.5]]), ([1.5, np.nan], [[1.5, 0], [1.5, 1]])]
)
def test_a_goal_that_fixes_one_coordinate_is_a_line_across_the_panel(case, goal, line):
    figure = plans_figure([dataclasses.replace(case, goal=np.array(goal))])
    (ax,) = figure.axes
    np.testing.assert_array_equal(lines_with_id(ax, "goal"), [line])
    assert "goal" in legend_labels(figure)


@pytest.mark.parametrize(("count", "width"), [(1, 640), (2, 1000), (3, 1200), (5, 1200)])
def test_file(count, width, case, drawing_env, tmp_path):
    cases = [dataclasses.replace(case, seed=seed) for seed in range(count)]
    path = tmp_path / "figures" / "plans.png"
    draw_plans(path, cases, draw_function(drawing_env), unit="m")
    with Image.open(path) as image:
        assert image.format == "PNG" and image.width == width
    assert drawing_env.seeds == list(range(count))


def test_number_of_cases(case):
    assert len(plans_figure([case] * 6).axes) == 6
    for count in (0, 7):
        with pytest.raises(ValueError, match=f"1 to 6 .*got {count}"):
            plans_figure([case] * count)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_titles_are_inside_the_picture(count, case):
    def draw(ax, case=None):
        ax.set(xlim=(0, 64), ylim=(0, 48))

    figure = plans_figure([case] * count, draw, unit="m")
    figure.draw_without_rendering()
    assert max(ax.title.get_window_extent().y1 for ax in figure.axes) <= figure.bbox.y1
