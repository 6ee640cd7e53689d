"""Returns of two episodes, computed by hand."""

import numpy as np

from dfplan.value.returns import compute_returns

START = np.array([0, 4])
LENGTH = np.array([4, 3])
REWARD = np.array([1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 0.0])
"""The first episode terminates after three steps, the second is truncated after two."""


def returns(stride=2):
    terminated = np.array([True, False])
    return compute_returns(REWARD, START, LENGTH, terminated, discount=0.5, stride=stride)


def test_rewards_are_summed_to_the_end_of_the_episode():
    np.testing.assert_allclose(returns().observed, [2.75, 3.5, 3.0, 0.0, 6.5, 5.0, 0.0])


def test_only_a_truncated_episode_bootstraps():
    np.testing.assert_allclose(returns().bootstrap_weight, [0, 0, 0, 0, 0.25, 0.5, 1.0])
    np.testing.assert_array_equal(returns().last_row, [3, 3, 3, 3, 6, 6, 6])
    np.testing.assert_array_equal(returns().is_informative, [True] * 6 + [False])


def test_a_token_sums_the_rewards_of_its_steps():
    np.testing.assert_allclose(returns().token_reward, [2.0, 3.5, 3.0, 0.0, 6.5, 5.0, 0.0])
    np.testing.assert_array_equal(returns().next_row, [2, 3, 3, 3, 6, 6, 6])
    np.testing.assert_allclose(returns(stride=1).token_reward, REWARD)


def test_a_token_is_complete_if_fully_observed_or_terminated():
    np.testing.assert_array_equal(
        returns().terminates, [False, True, True, True, False, False, False]
    )
    np.testing.assert_array_equal(
        returns().is_complete, [True, True, True, True, True, False, False]
    )
