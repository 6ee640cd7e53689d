"""Settings of the policy."""

import pytest

from dfplan.config import Config
from dfplan.policy.config import PolicyConfig
from dfplan.types import UserError


def test_the_horizon_is_one_and_a_half_tokens_or_as_set():
    assert PolicyConfig().max_steps(24) == 36
    assert PolicyConfig().max_steps(1) == 2
    assert PolicyConfig(horizon=10).max_steps(24) == 10


@pytest.mark.parametrize(
    ("name", "value", "valid"),
    [
        ("horizon", -1, "0 to"),
        ("sharpness", -0.1, r"\[0, 100\]"),
        ("expectile", 0.4, r"\[0.5, 1\)"),
        ("expectile", 1.0, r"\[0.5, 1\)"),
        ("width", 0, "1 to"),
        ("steps", 0, "1 to"),
        ("batch_size", 0, "1 to"),
        ("learning_rate", 0.0, r"\(0, 1000\]"),
    ],
)
def test_values_out_of_range(name, value, valid):
    with pytest.raises(UserError, match=rf"policy\.{name} .*{valid}.*got {value}"):
        Config().override({f"policy.{name}": value})
