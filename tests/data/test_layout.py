"""Layouts: which observations and actions are read, and what is said of the others."""

import numpy as np
import pytest
from gymnasium import spaces

from dfplan.data.layout import Layout, find_goal_dims, layout_from_spaces
from dfplan.types import UserError


def box(*shape, bound=1.0):
    return spaces.Box(-bound, bound, shape)


def goal_space(observation=4, achieved=2, desired=2):
    lengths = {"observation": observation, "achieved_goal": achieved, "desired_goal": desired}
    return spaces.Dict({key: box(n) for key, n in lengths.items()})


OBSERVATION = {
    "observation": np.arange(4.0),
    "achieved_goal": np.array([10.0, 11.0]),
    "desired_goal": np.array([20.0, 21.0]),
}


def refusal(call, *args) -> str:
    with pytest.raises(UserError) as caught:
        call(*args)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_box_observation():
    layout = layout_from_spaces(box(3), box(2), None)
    assert (layout.state_dim, layout.action_dim, layout.goal_dims) == (3, 2, ())
    state = layout.state(np.arange(3.0))
    assert state.dtype == np.float32 and state.tolist() == [0, 1, 2]
    assert layout.goal(np.arange(3.0)) is None


def test_box_observation_with_goal_dims():
    layout = layout_from_spaces(box(3), box(2), (2, 0))
    assert (layout.state_dim, layout.goal_dim, layout.goal_dims) == (3, 2, (2, 0))


def test_goal_dict_with_the_achieved_goal_outside():
    layout = layout_from_spaces(goal_space(), box(2), None)
    assert (layout.observation_dim, layout.state_dim, layout.goal_dims) == (4, 6, (4, 5))
    assert layout.state(OBSERVATION).tolist() == [0, 1, 2, 3, 10, 11]
    assert layout.goal(OBSERVATION).tolist() == [20, 21]


def test_goal_dict_with_the_achieved_goal_inside():
    layout = layout_from_spaces(goal_space(), box(2), (2, 3))
    assert (layout.state_dim, layout.goal_dims) == (4, (2, 3))
    assert layout.state(OBSERVATION).tolist() == [0, 1, 2, 3]


def test_batches_of_observations():
    layout = layout_from_spaces(goal_space(), box(2), None)
    batch = {key: np.stack([value, value + 1]) for key, value in OBSERVATION.items()}
    assert layout.state(batch).shape == (2, 6)
    np.testing.assert_array_equal(layout.state(batch)[0], layout.state(OBSERVATION))
    assert layout.goal(batch).shape == (2, 2)


def test_actions_of_several_dimensions_are_flattened():
    low = np.array([[-1, -2], [-3, -4]], np.float32)
    layout = layout_from_spaces(box(3), spaces.Box(low, -low), None)
    assert layout.action_dim == 4
    assert layout.action_low == (-1, -2, -3, -4)
    clipped = layout.clip_action(np.full((5, 4), 3.5, np.float32))
    assert clipped.tolist() == [[1, 2, 3, 3.5]] * 5


def test_actions_without_bounds_are_not_clipped():
    layout = layout_from_spaces(box(3), box(2, bound=np.inf), None)
    assert layout.action_low is None
    assert layout.clip_action(np.array([5.0, -1e6])).tolist() == [5.0, -1e6]


@pytest.mark.parametrize(
    "space", [spaces.Discrete(3), spaces.MultiBinary(2), spaces.Tuple([box(2), box(2)])]
)
def test_unsupported_action_spaces(space):
    message = refusal(layout_from_spaces, box(3), space, None)
    assert str(space) in message and "supported: Box" in message


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(3),
        box(4, 4),
        box(),
        spaces.Dict({"observation": box(3)}),
        spaces.Dict({**goal_space().spaces, "desired_goal": spaces.Discrete(2)}),
        spaces.Dict({**goal_space().spaces, "achieved_goal": spaces.Dict({"a": box(2)})}),
    ],
    ids=["discrete", "image", "scalar", "no-goal", "discrete-goal", "goal-dict"],
)
def test_unsupported_observation_spaces(space):
    message = refusal(layout_from_spaces, space, box(2), None)
    assert "is not supported; supported: a Box of shape (n,), or a Dict" in message


def test_goals_that_do_not_fit():
    assert "(1,)" in refusal(layout_from_spaces, goal_space(), box(2), (1,))
    assert "3 numbers" in refusal(layout_from_spaces, goal_space(desired=3), box(2), None)
    assert "dimension 7" in refusal(layout_from_spaces, box(3), box(2), (0, 7))
    assert "valid: 0 to 2" in refusal(layout_from_spaces, box(3), box(2), (-1,))
    assert "twice" in refusal(layout_from_spaces, box(3), box(2), (1, 1))


@pytest.mark.parametrize(
    ("observation", "words"),
    [
        (np.zeros(4), ["shape (4,)", "(..., 3)"]),
        (np.zeros((3, 1)), ["shape (3, 1)", "(..., 3)"]),
        (1.0, ["shape ()", "(..., 3)"]),
        ("abc", ["no array of numbers", "abc"]),
        ([[1, 2, 3], [1]], ["no array of numbers"]),
        (OBSERVATION, ["dict with observation, achieved_goal", "an array"]),
    ],
)
def test_wrong_box_observations(observation, words):
    message = refusal(Layout(3, 1).state, observation)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("observation", "words"),
    [
        (np.zeros(4), ["ndarray", "observation, achieved_goal, desired_goal"]),
        ({"observation": np.zeros(4)}, ["has observation and no achieved_goal"]),
        (OBSERVATION | {"observation": np.zeros(5)}, ["observation has shape (5,)", "(..., 4)"]),
        (OBSERVATION | {"achieved_goal": np.zeros(3)}, ["achieved_goal has shape (3,)"]),
    ],
)
def test_wrong_goal_observations(observation, words):
    layout = layout_from_spaces(goal_space(), box(2), None)
    message = refusal(layout.state, observation)
    assert all(word in message for word in words), message


def test_wrong_goals():
    layout = layout_from_spaces(goal_space(), box(2), None)
    assert "no desired_goal" in refusal(layout.goal, {"observation": np.zeros(4)})
    assert "shape (3,)" in refusal(layout.goal, {"desired_goal": np.zeros(3)})
    assert "ndarray" in refusal(layout.goal, np.zeros(4))


def test_find_goal_dims():
    x = np.random.default_rng(0).normal(size=(50, 5))
    assert find_goal_dims(x, x[:, [3, 1]]) == (3, 1)
    assert find_goal_dims(x, x[:, [3, 1]].astype(np.float32)) == (3, 1)
    assert find_goal_dims(1000 * x, (1000 * x[:, [3, 1]]).astype(np.float32)) == (3, 1)
    assert find_goal_dims(x, x[:, [3, 1]] + 1e-3) is None
    assert find_goal_dims(x, np.stack([x[:, 3], -x[:, 1]], axis=1)) is None


def test_find_goal_dims_takes_every_row_into_account():
    x = np.random.default_rng(0).normal(size=(50, 3))
    achieved = x[:, [2]].copy()
    achieved[-1] += 0.1
    assert find_goal_dims(x, achieved) is None


def test_find_goal_dims_gives_each_number_its_own_place():
    x = np.zeros((10, 3))
    assert find_goal_dims(x, np.zeros((10, 2))) == (0, 1)
    assert find_goal_dims(x[:, :1], np.zeros((10, 2))) is None
