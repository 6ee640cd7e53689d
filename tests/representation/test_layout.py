"""Layouts: supported observations and actions, and errors about others."""

import dataclasses
import json

import numpy as np
import pytest
from gymnasium import spaces

from dfplan.representation.layout import Layout
from dfplan.representation.spaces import layout_from_spaces
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
    assert layout.state(batch).tolist() == [[0, 1, 2, 3, 10, 11], [1, 2, 3, 4, 11, 12]]
    assert layout.goal(batch).tolist() == [[20, 21], [21, 22]]


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
        spaces.Box(0, 255, (8, 8), np.uint8),
        spaces.Tuple([box(2), box(2)]),
        spaces.Dict({}),
        spaces.Dict({"arm": box(3), "camera": spaces.Box(0, 255, (8, 8, 3), np.uint8)}),
        spaces.Dict({**goal_space().spaces, "desired_goal": spaces.Discrete(2)}),
    ],
    ids=["discrete", "image", "tuple", "empty", "image-inside", "discrete-goal"],
)
def test_unsupported_observation_spaces(space):
    message = refusal(layout_from_spaces, space, box(2), None)
    assert "supported: a Box of numbers, or a Dict" in message


def test_unsuitable_goals_are_refused():
    assert "(1,)" in refusal(layout_from_spaces, goal_space(), box(2), (1,))
    message = refusal(layout_from_spaces, goal_space(desired=3), box(2), None)
    assert "(2,), float32) and Box" in message and "(3,)" in message and "the same" in message
    nested = spaces.Dict({**goal_space().spaces, "achieved_goal": spaces.Dict({"a": box(2)})})
    assert "needed: the same shape" in refusal(layout_from_spaces, nested, box(2), None)
    assert "dimension 7" in refusal(layout_from_spaces, box(3), box(2), (0, 7))
    assert "valid: 0 to 2" in refusal(layout_from_spaces, box(3), box(2), (-1,))
    assert "(1, 1)" in refusal(layout_from_spaces, box(3), box(2), (1, 1))


@pytest.mark.parametrize(
    ("observation", "words"),
    [
        (np.zeros(4), ["shape (4,)", "(..., 3)"]),
        (np.zeros((3, 1)), ["shape (3, 1)", "(..., 3)"]),
        (1.0, ["shape ()", "(..., 3)"]),
        ("abc", ["array of numbers", "abc"]),
        ([[1, 2, 3], [1]], ["array of numbers"]),
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


def test_goal_from_the_observation():
    """The state holds zeros where the observation holds the goal."""
    layout = layout_from_spaces(box(5), box(2), (0, 1), goal_from=(4, 2))
    observation = np.arange(1.0, 6)
    assert layout.goal(observation).tolist() == [5, 3]
    assert layout.state(observation).tolist() == [1, 2, 0, 4, 0]
    assert observation.tolist() == [1, 2, 3, 4, 5] and layout.gives_goal
    batch = np.stack([observation, -observation])
    assert layout.goal(batch).tolist() == [[5, 3], [-5, -3]]
    assert layout.state(batch)[1].tolist() == [-1, -2, 0, -4, 0]


def test_constant_goal():
    layout = layout_from_spaces(box(3), box(2), (2, 0), goal_value=(0.5, 0.0))
    assert layout.gives_goal and layout.goal(np.ones(3)).tolist() == [0.5, 0]
    assert layout.goal(np.ones((4, 3))).tolist() == [[0.5, 0]] * 4
    assert layout.state(np.ones(3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("space", "dims", "source", "value", "words"),
    [
        (box(5), (0, 1), (4,), (), "goal-from has 1 numbers; goal-dims has 2"),
        (box(5), (0, 1), (), (0.0,), "goal-value has 1 numbers; goal-dims has 2"),
        (box(5), None, (4,), (), "goal-from has 1 numbers; goal-dims has 0"),
        (box(5), (0, 1), (4, 5), (), "goal-from dimension 5 is not in the state; valid: 0 to 4"),
        (box(5), (0, 1), (1, 2), (), "(0, 1, 1, 2)"),
        (box(5), (0,), (4,), (1.0,), "goal-from or goal-value"),
        (box(5), (0,), (), (np.nan,), "not finite"),
        (goal_space(), (2, 3), (0, 1), (), "goal-from: "),
        (goal_space(), (2, 3), (), (0, 1), "goal-value: "),
    ],
)
def test_unsuitable_goal_sources_are_refused(space, dims, source, value, words):
    assert words in refusal(layout_from_spaces, space, box(2), dims, source, value)


def test_a_dict_is_flattened_by_name():
    layout = layout_from_spaces(spaces.Dict({"joint": box(2), "arm": box(1, 2)}), box(2), (2,))
    observation = {"joint": np.array([3, 4]), "arm": np.array([[1, 2]])}
    assert layout.state(observation).tolist() == [1, 2, 3, 4] and layout.goal_dims == (2,)
    assert layout.goal(observation) is None and not layout.gives_goal
    assert "has joint and no arm" in refusal(layout.state, {"joint": np.zeros(2)})


def test_a_goal_dict_of_matrices():
    space = spaces.Dict({"observation": box(3), "achieved_goal": box(2, 2)})
    space["desired_goal"] = box(2, 2)
    layout = layout_from_spaces(space, box(2), None)
    observation = {"observation": np.arange(3.0), "achieved_goal": np.ones((2, 2))}
    observation["desired_goal"] = np.array([[5, 6], [7, 8]])
    assert layout.state(observation).tolist() == [0, 1, 2, 1, 1, 1, 1]
    assert layout.goal(observation).tolist() == [5, 6, 7, 8]


def test_a_goal_dict_can_be_read_without_goals():
    layout = layout_from_spaces(goal_space(), box(2), ())
    assert (layout.state_dim, layout.goal_dim, layout.gives_goal) == (8, 0, False)
    # Alphabetical: achieved_goal, desired_goal, observation.
    assert layout.state(OBSERVATION).tolist() == [10, 11, 20, 21, 0, 1, 2, 3]


def test_json_round_trip():
    space = spaces.Dict({"joint": box(2, 3), "hand": spaces.Dict({"tip": box(2)})})
    layout = layout_from_spaces(space, box(2), (0,), goal_from=(3,))
    restored = Layout.from_dict(json.loads(json.dumps(dataclasses.asdict(layout))))
    assert restored == layout and restored.observation_shape[1] == ("joint", (2, 3))


def test_actions_are_reshaped_to_their_space():
    layout = layout_from_spaces(box(3), box(2, 3, bound=20.0), None)
    assert layout.env_action(np.arange(12.0).reshape(2, 6))[1].tolist() == [
        [6, 7, 8],
        [9, 10, 11],
    ]
    assert layout.env_action(np.arange(6.0)).tolist() == [[0, 1, 2], [3, 4, 5]]
