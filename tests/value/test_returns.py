"""Returns of two episodes, worked out by hand."""

import numpy as np

from dfplan.value.returns import returns

START, LENGTH = np.array([0, 4]), np.array([4, 3])
REWARD = np.array([1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 0.0])
"""The first episode terminates after three steps, the second is truncated after two."""


def found(stride=2):
    over = np.array([True, False])
    return returns(REWARD, START, LENGTH, over, discount=0.5, stride=stride)


def test_rewards_are_summed_to_the_episodes_end():
    np.testing.assert_allclose(found().gain, [2.75, 3.5, 3.0, 0.0, 6.5, 5.0, 0.0])


def test_only_a_truncated_episode_goes_on():
    np.testing.assert_allclose(found().tail, [0, 0, 0, 0, 0.25, 0.5, 1.0])
    np.testing.assert_array_equal(found().last, [3, 3, 3, 3, 6, 6, 6])
    np.testing.assert_array_equal(found().known, [True] * 6 + [False])


def test_a_token_brings_the_rewards_of_its_steps():
    np.testing.assert_allclose(found().reward, [2.0, 3.5, 3.0, 0.0, 6.5, 5.0, 0.0])
    np.testing.assert_array_equal(found().later, [2, 3, 3, 3, 6, 6, 6])
    np.testing.assert_allclose(found(stride=1).reward, REWARD)


def test_a_token_is_whole_where_all_of_it_was_observed_or_nothing_follows():
    np.testing.assert_array_equal(found().ended, [False, True, True, True, False, False, False])
    np.testing.assert_array_equal(found().whole, [True, True, True, True, True, False, False])
