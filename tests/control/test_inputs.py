"""Masks, seeds, goals and actions of the right and of the wrong type."""

import numpy as np
import pytest

from dfplan.control.inputs import MAX_SEED, as_goals, as_mask, as_seeds, check_actions
from dfplan.control.plausible_range import PlausibleRange
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.types import UserError

LAYOUT = Layout(4, 2, goal_dims=(0, 1))
RANGE = PlausibleRange.of(Normalizer(np.zeros(4), np.ones(4)))


@pytest.mark.parametrize("mask", [[True, False], np.array([1, 0]), (np.True_, np.False_)])
def test_masks(mask):
    assert as_mask(mask, 2).tolist() == [True, False]
    assert as_mask(None, 2).tolist() == [False, False]


@pytest.mark.parametrize("mask", ["x", [0.5, 1.0], [0, 2], ["a", "b"], [[True], [True, False]], {}])
def test_other_masks_are_refused(mask):
    with pytest.raises(UserError, match="mask"):
        as_mask(mask, 2)


def test_seeds():
    assert as_seeds(3, 2).tolist() == [3, 4]
    assert as_seeds(np.uint8(3), 2).tolist() == [3, 4]
    assert as_seeds([7, 3], 2).tolist() == [7, 3]
    assert as_seeds(MAX_SEED, 2).tolist() == [MAX_SEED, 0]


@pytest.mark.parametrize(
    "seed", ["x", 1.5, 2.0, 2**70, 2**32, -1, True, [1, -1], [1.0, 2.0], [[1, 2]], {}, object()]
)
def test_other_seeds_are_refused(seed):
    with pytest.raises(UserError, match=r"seed .*from 0 to 4294967295") as caught:
        as_seeds(seed, 2)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "goal", ["x", ["1", "2"], [1j, 2], [True, False], [None, 1.0], [2**70, 1], {"x": 1}]
)
def test_goals_that_are_no_numbers(goal):
    with pytest.raises(UserError, match="goal is not an array of numbers"):
        as_goals(LAYOUT, RANGE, goal, batch=1)


@pytest.mark.parametrize("goal", [1.0, [1.0, 2.0, 3.0], np.zeros((2, 2)), np.zeros((1, 1, 2))])
def test_goals_of_another_shape(goal):
    with pytest.raises(UserError, match=r"shape \(.*needed: \(2,\)"):
        as_goals(LAYOUT, RANGE, goal, batch=1)


def test_actions():
    check_actions("it", np.zeros((1, 2)), needed=(1, 2))
    with pytest.raises(UserError, match=r"it returned actions of shape \(2,\); needed: \(1, 2\)"):
        check_actions("it", np.zeros(2), needed=(1, 2))
    for value in (np.nan, -np.inf):
        with pytest.raises(UserError, match=f"it returned {value} for dimension 1 of action 0"):
            check_actions("it", np.array([[0.0, value]]), needed=(1, 2))
