"""Missed boundaries are found where trajectories were joined, not where one dimension switches."""

import numpy as np

from dfplan.data.profile.outlier_steps import (
    OUTLIER_FACTOR,
    missed_boundaries,
    outlier_steps,
    typical_change,
)


def walks(count=6, steps=50, dims=4):
    rng = np.random.default_rng(0)
    starts = 20 * np.arange(count)[:, None, None]
    return starts + np.cumsum(rng.normal(size=(count, steps, dims)) / 20, axis=1)


def test_typical_change_ignores_steps_without_change():
    still = np.zeros((50, 1))
    ramp = np.repeat(np.arange(10.0), 5)[:, None]
    states = np.concatenate([still, ramp, -2 * ramp], axis=1)
    assert typical_change([states, states]).tolist() == [0, 1, 2]


def test_typical_change_with_missing_values():
    states = np.arange(9.0)[:, None].repeat(2, axis=1)
    states[:, 1] = np.nan
    assert typical_change([states]).tolist() == [1, 0]
    assert typical_change([states[:1], states]).tolist() == [1, 0]


def test_joined_trajectories_have_outliers_at_their_joints():
    joined = np.concatenate(list(walks()))
    typical = typical_change([joined])
    outliers = outlier_steps(joined, typical)
    assert missed_boundaries(outliers, typical).tolist() == [49, 99, 149, 199, 249]
    assert outliers.sum(axis=0).tolist() == [5] * 4


def test_one_dimension_that_switches_is_not_a_boundary():
    states = walks(1)[0]
    states[30:, 0] += 10
    typical = typical_change([states])
    outliers = outlier_steps(states, typical)
    assert outliers.sum(axis=0).tolist() == [1, 0, 0, 0]
    assert missed_boundaries(outliers, typical).tolist() == []


def test_an_outlier_exceeds_twenty_times_the_typical_change():
    for factor, count in ((0.9, 0), (1.1, 1)):
        states = np.append(np.arange(40.0), 39 + factor * OUTLIER_FACTOR)[:, None]
        typical = typical_change([states])
        assert typical == 1 and outlier_steps(states, typical).sum() == count
