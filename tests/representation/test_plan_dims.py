"""Plans of some of the state's dimensions: tokens hold these alone, the others are NaN."""

import numpy as np
import pytest

from dfplan.planner.progress import PlanProgress
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError


def make_layout(plan_dims, goal_dims=(), **data):
    layout = Layout(4, 1, goal_dims=goal_dims)
    return TokenLayout.create(layout, DataConfig(plan_dims=plan_dims, **data))


@pytest.mark.parametrize(("actions", "features"), [(False, 6), (True, 9)])
def test_a_token_holds_the_planned_dimensions(actions, features):
    layout = make_layout((3, 1), stride=3, frames="stack", actions=actions)
    states = np.arange(5 * 3 * 4.0).reshape(5, 3, 4)
    chunk = -np.arange(5 * 3.0).reshape(5, 3, 1)
    token = layout.encode(states, chunk if actions else None)
    assert layout.features == features and token.shape == (5, features)
    decoded = np.asarray(layout.states(token))
    np.testing.assert_array_equal(decoded[..., [1, 3]], states[..., [1, 3]])
    assert np.isnan(decoded[..., [0, 2]]).all()
    if actions:
        np.testing.assert_array_equal(layout.action_chunk(token), chunk)


def test_a_goal_is_placed_among_the_planned_dimensions():
    layout = make_layout((3, 1, 0), goal_dims=(0, 3))
    states = Normalizer.from_dict({"mean": [1.0, 2.0, 3.0, 0.0], "std": [2.0, 1.0, 1.0, 10.0]})
    assert layout.goal_token(np.array([[7.0, 5.0]]), states).tolist() == [[0.5, 0.0, 3.0]]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"plan_dims": (0, 4)}, "data.plan_dims 4 .*valid: 0 to 3"),
        ({"plan_dims": (0, 2, 0)}, r"data.plan_dims \[0, 2, 0\]"),
        ({"plan_dims": (2, 3), "goal_dims": (0, 2)}, r"\[2, 3\] lacks 0, .*needed: .*0, 2"),
        ({"plan_dims": (2, 3), "rest_dims": (1,)}, r"\[2, 3\] lacks 1, .*needed: .*1"),
        ({"plan_dims": (2, 3), "rest_dims": (3, 2)}, r"rest_dims \[3, 2\] .*needed: at least one"),
        ({"plan_dims": (), "rest_dims": (0, 1, 2, 3)}, r"rest_dims .*needed: at least one"),
        ({"plan_dims": (2, 3), "goal": "reward"}, r"data.plan_dims \[2, 3\]; valid: state"),
    ],
)
def test_dimensions_that_do_not_fit_are_refused(settings, words):
    with pytest.raises(UserError, match=words):
        make_layout(**settings)


def test_a_robot_is_located_by_planned_positions_alone():
    layout = make_layout((0, 1), rest_dims=(1,), stride=1)
    states = Normalizer(np.zeros(4), np.ones(4))
    path = np.full((1, 4, 4), np.nan)
    path[0, :, 0] = [0, 1, 2, 3]
    path[0, :, 1] = 9.0
    step, distance = PlanProgress(layout, states).locate(
        path, np.array([2]), np.array([[2.25, 0.0, 50.0, -50.0]])
    )
    assert step.tolist() == [2] and distance.tolist() == [0.25]
