"""Jumps are found where trajectories were joined, and not where one dimension switches."""

import numpy as np

from dfplan.data.profile.outlier_steps import (
    BEYOND,
    missed_boundaries,
    outlier_steps,
    typical_change,
)


def walks(count=6, steps=50, dims=4):
    rng = np.random.default_rng(0)
    starts = 20 * np.arange(count)[:, None, None]
    return starts + np.cumsum(rng.normal(size=(count, steps, dims)) / 20, axis=1)


def test_usual_change_leaves_out_steps_that_change_nothing():
    still = np.zeros((50, 1))
    ramp = np.repeat(np.arange(10.0), 5)[:, None]
    states = np.concatenate([still, ramp, -2 * ramp], axis=1)
    assert typical_change([states, states]).tolist() == [0, 1, 2]


def test_usual_change_with_values_that_are_missing():
    states = np.arange(9.0)[:, None].repeat(2, axis=1)
    states[:, 1] = np.nan
    assert typical_change([states]).tolist() == [1, 0]
    assert typical_change([states[:1], states]).tolist() == [1, 0]


def test_joined_trajectories_jump_where_they_were_joined():
    joined = np.concatenate(list(walks()))
    usual = typical_change([joined])
    jump = outlier_steps(joined, usual)
    assert missed_boundaries(jump, usual).tolist() == [49, 99, 149, 199, 249]
    assert jump.sum(axis=0).tolist() == [5] * 4


def test_one_dimension_that_switches_is_no_break():
    states = walks(1)[0]
    states[30:, 0] += 10
    usual = typical_change([states])
    jump = outlier_steps(states, usual)
    assert jump.sum(axis=0).tolist() == [1, 0, 0, 0]
    assert missed_boundaries(jump, usual).size == 0


def test_a_jump_is_more_than_twenty_times_the_usual():
    for factor, found in ((0.9, 0), (1.1, 1)):
        states = np.append(np.arange(40.0), 39 + factor * BEYOND)[:, None]
        usual = typical_change([states])
        assert usual == 1 and outlier_steps(states, usual).sum() == found
