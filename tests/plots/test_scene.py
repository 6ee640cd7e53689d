"""Figure coordinates, and environments that draw themselves."""

import numpy as np
import pytest

from dfplan.plots.plans import PlanCase
from dfplan.plots.scene import axis_names, draw_function, goal_point, plot_dims, plot_points


@pytest.mark.parametrize(
    ("goal_dims", "state_dim", "plan_dims", "dims"),
    [
        ((3, 1), 4, (), (3, 1)),
        ((2, 0, 1), 3, (), (2, 0)),
        ((), 4, (), (0, 1)),
        ((3,), 4, (), (0, 3)),
        ((1,), 4, (), (0, 1)),
        ((), 1, (), (0,)),
        ((0,), 1, (), (0,)),
        ((), 4, (3, 2, 1), (3, 2)),
        ((), 4, (3,), (3,)),
        ((3, 1), 4, (1, 2, 3), (3, 1)),
    ],
)
def test_plot_dims(goal_dims, state_dim, plan_dims, dims):
    assert plot_dims(goal_dims, state_dim, plan_dims) == dims


def test_plot_points_keep_the_order_of_the_dims():
    states = np.random.default_rng(0).normal(size=(2, 6, 4))
    np.testing.assert_array_equal(plot_points(states, (3, 1))[..., 0], states[..., 3])
    np.testing.assert_array_equal(plot_points(states, (3, 1))[..., 1], states[..., 1])


def test_one_dimension_is_drawn_over_control_steps():
    states = np.array([[[4.0], [5.0], [6.0]]])
    np.testing.assert_array_equal(
        plot_points(states, (0,), stride=10), [[[0, 4], [10, 5], [20, 6]]]
    )
    assert axis_names((0,)) == ("control step", "state 0")
    assert axis_names((3, 1)) == ("state 3", "state 1")


def test_goal_point():
    np.testing.assert_array_equal(goal_point(np.array([7.0, 8.0]), (3, 1), (3, 1)), [7, 8])
    np.testing.assert_array_equal(goal_point(np.array([7.0, 8.0]), (3, 1), (1, 3)), [8, 7])
    np.testing.assert_array_equal(goal_point(np.array([7.0]), (0,), (0,), end=40.0), [40, 7])
    assert goal_point(None, (0, 1), (0, 1)) is None
    np.testing.assert_array_equal(goal_point(np.array([7.0]), (3,), (0, 3)), [np.nan, 7])
    assert goal_point(np.array([7.0]), (3,), (0, 1)) is None


def test_draw_function(drawing_env, plain_env, candidates):
    from matplotlib.figure import Figure

    assert draw_function(plain_env) is None
    draw = draw_function(drawing_env)
    assert draw is not None
    ax = Figure().subplots()
    draw(ax)
    draw(ax, PlanCase(candidates, 0, candidates[0]))
    draw(ax, PlanCase(candidates, 0, candidates[0], seed=5))
    assert drawing_env.drawn == [[], [], [5]]
