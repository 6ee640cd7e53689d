"""How long the data's trips are, and the windows that they ask for."""

import numpy as np
import pytest

from dfplan.data.goal_intervals import goal_intervals, window_tokens


def goals(*lengths, dims=2):
    """An episode's goals, each in force for so many steps."""
    each = np.random.default_rng(0).normal(size=(len(lengths), dims))
    return np.repeat(each, lengths, axis=0)


def test_a_trip_is_from_one_change_of_the_goal_to_the_next():
    # The first goal may have been in force before the episode began, and the last one after it.
    np.testing.assert_array_equal(goal_intervals(goals(5, 7, 2, 30, 9)), [7, 2, 30])
    assert goal_intervals(goals(5, 7, 9)).dtype == np.int64


def test_any_dimension_can_change():
    goal = np.zeros((12, 3))
    goal[3:, 2] = 1e-6
    goal[8:, 0] = -1
    np.testing.assert_array_equal(goal_intervals(goal), [5])


@pytest.mark.parametrize("goal", [None, goals(20), goals(5, 15), np.zeros((1, 2))])
def test_no_trip_to_be_seen(goal):
    found = goal_intervals(goal)
    assert found.shape == (0,) and found.dtype == np.int64


@pytest.mark.parametrize(
    ("length", "stride", "tokens"), [(120, 10, 16), (120, 12, 14), (121, 10, 17), (3, 1, 4)]
)
def test_windows_are_a_third_longer_than_trips(length, stride, tokens):
    assert window_tokens(np.full(50, length), stride) == tokens


def test_one_long_trip_in_a_hundred_does_not_count():
    usual = np.full(990, 60)
    rare, often = (np.append(usual, np.full(n, 6000)) for n in (5, 30))
    assert window_tokens(rare, 4) == window_tokens(usual, 4) == 20
    assert window_tokens(often, 4) == 2000


@pytest.mark.parametrize("stride", [1, 7, 12])
def test_windows_are_as_long_as_needed_and_no_longer(stride):
    taken = np.random.default_rng(1).integers(1, 600, 5000)
    tokens = window_tokens(taken, stride)

    def covered(tokens):
        return np.mean(taken <= 0.75 * tokens * stride)

    assert covered(tokens) >= 0.99 >= covered(tokens - 1)


def test_a_window_has_two_tokens_at_least_and_32_where_the_data_says_nothing():
    assert window_tokens(np.array([1, 2]), 100) == 2
    assert window_tokens(goal_intervals(None), 5) == 32
