"""A critic's file may have been changed: its arrays must form an ensemble for the run's states."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.types import UserError
from dfplan.value.critic import Critic, _member_shapes

STATES = 4
SHAPES = _member_shapes(STATES, 3)


@pytest.fixture
def critic():
    nets = {name: jnp.zeros((2, *shape)) for name, shape in SHAPES.items()}
    return Critic(nets, *map(jnp.float32, (0.5, 2.0, 0.1, 1.0, 0.99, 0.5)))


def test_a_whole_critic_fits(critic):
    critic.check_fits(STATES)


@pytest.mark.parametrize("name", SHAPES)
def test_a_missing_array_is_named(critic, name):
    nets = {key: array for key, array in critic.nets.items() if key != name}
    with pytest.raises(UserError, match=name):
        dataclasses.replace(critic, nets=nets).check_fits(STATES)


@pytest.mark.parametrize(
    "array",
    [np.zeros((3, 4, 3), "f4"), np.zeros((2, 4, 3)), np.full((2, 4, 3), np.nan, "f4")],
    ids=["shape", "type", "NaN"],
)
def test_an_array_of_another_kind_is_named(critic, array):
    nets = {**critic.nets, "value/0/kernel": array}
    with pytest.raises(UserError, match="value/0/kernel"):
        dataclasses.replace(critic, nets=nets).check_fits(STATES)


def test_a_critic_of_other_states_does_not_fit(critic):
    with pytest.raises(UserError, match=r"\(2, 5, 3\)"):
        critic.check_fits(5)


def test_a_critic_without_networks_does_not_fit(critic):
    with pytest.raises(UserError, match="value/0/bias"):
        dataclasses.replace(critic, nets={}).check_fits(STATES)
