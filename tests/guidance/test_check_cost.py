"""A user's cost is checked before it reaches a planner."""

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.guidance.check_cost import checked_cost
from dfplan.guidance.costs import smoothness, speed_limit, total
from dfplan.representation.layout import Layout
from dfplan.types import UserError

LAYOUT = Layout(4, 2, goal_dims=(0, 1))


def distance(states, goal):
    return jnp.abs(states[..., :2] - goal[:, None]).sum(axis=(1, 2))


@pytest.mark.parametrize(
    "cost", [distance, smoothness((0, 1)), total(distance, speed_limit((2,), 1))]
)
def test_costs(cost):
    states = jnp.ones((3, 5, 4))
    assert checked_cost(cost, LAYOUT)(states, jnp.zeros((3, 2))).shape == (3,)


def fails(states, goal):
    raise KeyError("obstacle")


def branches(states, goal):
    return jnp.zeros(2) if (states > 0).any() else jnp.ones(2)


def in_numpy(states, goal):
    return np.linalg.norm(np.asarray(states), axis=(1, 2))


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (5, "the cost is 5"),
        ("far", "the cost is 'far'"),
        (lambda states: jnp.zeros(2), "TypeError"),
        (lambda states, goal, scale: jnp.zeros(2), "'scale'"),
        (fails, "KeyError: 'obstacle'"),
        (branches, "TracerBoolConversionError"),
        (in_numpy, "TracerArrayConversionError"),
        (lambda states, goal: 0.0, "0.0; needed: 2 finite numbers"),
        (lambda states, goal: None, "None"),
        (lambda states, goal: jnp.zeros(3), "[0.0, 0.0, 0.0]; needed: 2 finite"),
        (lambda states, goal: jnp.full(2, jnp.nan), "[nan, nan]; needed: 2 finite"),
        (speed_limit((9,), 1.0), "[nan, nan]; needed: 2 finite"),
    ],
)
def test_other_costs_are_refused(cost, words):
    with pytest.raises(UserError) as caught:
        checked_cost(cost, LAYOUT)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_cost_of_dimensions_that_are_not_planned_is_refused():
    cost = speed_limit((2, 3), 1)
    with pytest.raises(UserError, match=r"\[nan, nan\].*dimensions \[0, 1\]"):
        checked_cost(cost, LAYOUT, plan_dims=(0, 1))
    checked_cost(cost, LAYOUT, plan_dims=(0, 1, 2, 3))
