"""Value calibration: the control steps that are compared, and the received returns."""

import numpy as np
import pytest

from dfplan.evaluation.episodes import Episodes
from experiments.locomotion.calibration import BINS, pairs, summarize

DISCOUNT = 0.1
"""Discount with which a reward two steps ahead has a hundredth of the present one's weight."""


def make_episodes(length, steps=4):
    alive = np.arange(steps) < np.array(length)[:, None]
    return Episodes(
        seeds=np.arange(len(length)),
        reward=alive * np.array([1.0, 2.0, 3.0, 4.0])[:steps],
        success=None,
        length=np.array(length),
        states=np.zeros((len(length), steps + 1, 1)),
        goals=None,
    )


def test_received_returns_are_discounted_rewards_up_to_the_fall():
    predicted = np.arange(4.0)[None]
    values, received = pairs(predicted, make_episodes([3]), limit=4, discount=DISCOUNT)
    np.testing.assert_array_equal(values, [0, 1, 2])
    np.testing.assert_allclose(received, [1.23, 2.3, 3.0])


def test_the_end_of_a_truncated_episode_is_left_out():
    predicted = np.arange(4.0)[None]
    values, received = pairs(predicted, make_episodes([4]), limit=4, discount=DISCOUNT)
    np.testing.assert_array_equal(values, [0, 1])
    np.testing.assert_allclose(received, [1.234, 2.34])


def test_bins_are_in_the_order_of_the_predictions():
    predicted = np.random.default_rng(0).permutation(2 * BINS).astype(float)
    record = summarize(predicted, received=-predicted)
    assert record["predicted"] == [2 * k + 0.5 for k in range(BINS)]
    assert record["received"] == [-2 * k - 0.5 for k in range(BINS)]
    assert record["rank_correlation"] == pytest.approx(-1.0)
    assert (record["mean_predicted"], record["steps"]) == (BINS - 0.5, 2 * BINS)
