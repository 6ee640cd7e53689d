"""Goal intervals of the data, and the window length derived from them."""

import numpy as np
import pytest

from dfplan.data.goal_intervals import goal_intervals, window_tokens


def goals(*lengths, dims=2):
    """Return the goals of an episode, each active for the given number of steps."""
    different = np.random.default_rng(0).normal(size=(len(lengths), dims))
    return np.repeat(different, lengths, axis=0)


def test_intervals_run_from_one_goal_change_to_the_next():
    # The first goal may be older than the episode, and the last one may outlive it.
    np.testing.assert_array_equal(goal_intervals(goals(5, 7, 2, 30, 9)), [7, 2, 30])
    assert goal_intervals(goals(5, 7, 9)).dtype == np.int64


def test_any_dimension_can_change():
    goal = np.zeros((12, 3))
    goal[3:, 2] = 1e-6
    goal[8:, 0] = -1
    np.testing.assert_array_equal(goal_intervals(goal), [5])


@pytest.mark.parametrize("goal", [None, goals(20), goals(5, 15), np.zeros((1, 2))])
def test_no_interval_without_two_goal_changes(goal):
    intervals = goal_intervals(goal)
    assert intervals.tolist() == [] and intervals.dtype == np.int64
    assert window_tokens(intervals, 5) == 32


@pytest.mark.parametrize(
    ("length", "stride", "tokens"), [(120, 10, 16), (120, 12, 14), (121, 10, 17), (3, 1, 4)]
)
def test_windows_are_a_third_longer_than_intervals(length, stride, tokens):
    assert window_tokens(np.full(50, length), stride) == tokens


def test_one_long_interval_in_a_hundred_is_ignored():
    typical = np.full(990, 60)
    rarely_long, often_long = (np.append(typical, np.full(n, 6000)) for n in (5, 30))
    assert window_tokens(rarely_long, 4) == window_tokens(typical, 4) == 20
    assert window_tokens(often_long, 4) == 2000


@pytest.mark.parametrize("stride", [1, 7, 12])
def test_windows_are_as_long_as_needed_and_no_longer(stride):
    intervals = np.random.default_rng(1).integers(1, 600, 5000)
    tokens = window_tokens(intervals, stride)

    def covered(tokens):
        return np.mean(intervals <= 0.75 * tokens * stride)

    assert covered(tokens) >= 0.99 >= covered(tokens - 1)


def test_a_window_has_at_least_two_tokens():
    assert window_tokens(np.array([1, 2]), 100) == 2


def test_intervals_lie_within_episodes():
    goal = np.concatenate([goals(5, 7, 9), goals(3, 4), goals(2, 6, 8, 1)])
    assert goal_intervals(goal, start=[0, 21, 28]).tolist() == [7, 6, 8]
