"""Tokens: configuration, encoding and decoding."""

import numpy as np
import pytest

from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("stride", 0, "from 1 to .*got 0"),
        ("tokens", 1, r"from 2 to .*, or 0 \(automatic\), got 1"),
        ("tokens", -3, "from 2 to .*, or 0 .*, got -3"),
        ("goal_horizon", -1, "from 0 to .*got -1"),
        ("goal_decay", -0.5, r"in \[0, .*got -0.5"),
        ("goal_decay", float("nan"), r"in \[0, .*got nan"),
        ("start_fraction", 1.5, r"in \[0, 1\], got 1.5"),
        ("frames", "all", "'all'; valid: last, stack"),
    ],
)
def test_values_out_of_range_are_refused(field, value, words):
    with pytest.raises(UserError, match=f"data.{field}.*{words}"):
        DataConfig(**{field: value})


@pytest.mark.parametrize("dim", [3, -1])
def test_rest_dims_must_be_in_the_state(dim):
    with pytest.raises(UserError, match=f"data.rest_dims {dim} .*valid: 0 to 2"):
        TokenLayout.create(Layout(3, 2), DataConfig(rest_dims=(0, dim)))


def test_a_config_with_a_list_is_hashable():
    assert hash(DataConfig(rest_dims=[1, 2])) == hash(DataConfig(rest_dims=(1, 2)))  # pyright: ignore


@pytest.mark.parametrize(
    ("frames", "actions", "features"),
    [("last", False, 3), ("last", True, 11), ("stack", False, 12), ("stack", True, 20)],
)
def test_a_token_holds_frames_and_actions(frames, actions, features):
    layout = TokenLayout.create(Layout(3, 2), DataConfig(stride=4, frames=frames, actions=actions))
    assert layout.features == features and not layout.has_goal
    states = np.arange(5 * layout.frame_count * 3.0).reshape(5, layout.frame_count, 3)
    chunk = -np.arange(5 * 4 * 2.0).reshape(5, 4, 2)
    token = layout.encode(states, chunk if actions else None)
    assert token.shape == (5, features)
    np.testing.assert_array_equal(layout.states(token), states)
    if actions:
        np.testing.assert_array_equal(layout.action_chunk(token), chunk)


def test_a_goal_token_holds_the_goal_at_its_state_dimensions():
    config = DataConfig(stride=2, frames="stack", actions=True)
    layout = TokenLayout.create(Layout(3, 1, goal_dims=(2, 0)), config)
    states = Normalizer.from_dict({"mean": [1.0, 2.0, 3.0], "std": [1.0, 10.0, 2.0]})
    token = layout.goal_token(np.array([[7.0, 5.0]]), states)
    assert layout.has_goal
    assert token.tolist() == [[4.0, 0, 2.0, 0, 0, 0, 0, 0]]


def test_a_return_quantile_token_has_mean_zero_and_unit_variance():
    layout = TokenLayout.create(Layout(3, 1), DataConfig(goal="reward"))
    assert layout.has_goal and layout.reward_conditioned
    tokens = np.asarray(layout.return_quantile_token(np.linspace(0, 1, 10_001)))
    assert tokens[:, 0].mean() == pytest.approx(0, abs=1e-4)
    assert tokens[:, 0].std() == pytest.approx(1, abs=1e-3)
    assert not tokens[:, 1:].any()
