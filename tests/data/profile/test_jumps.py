"""Jumps are found where trajectories were joined, and not where one dimension switches."""

import numpy as np

from dfplan.data.profile.outlier_steps import BEYOND, breaks, jumps, usual_change


def walks(count=6, steps=50, dims=4):
    rng = np.random.default_rng(0)
    starts = 20 * np.arange(count)[:, None, None]
    return starts + np.cumsum(rng.normal(size=(count, steps, dims)) / 20, axis=1)


def test_usual_change_leaves_out_steps_that_change_nothing():
    still = np.zeros((50, 1))
    ramp = np.repeat(np.arange(10.0), 5)[:, None]
    states = np.concatenate([still, ramp, -2 * ramp], axis=1)
    assert usual_change([states, states]).tolist() == [0, 1, 2]


def test_usual_change_with_values_that_are_missing():
    states = np.arange(9.0)[:, None].repeat(2, axis=1)
    states[:, 1] = np.nan
    assert usual_change([states]).tolist() == [1, 0]
    assert usual_change([states[:1], states]).tolist() == [1, 0]


def test_joined_trajectories_jump_where_they_were_joined():
    joined = np.concatenate(list(walks()))
    usual = usual_change([joined])
    jump = jumps(joined, usual)
    assert breaks(jump, usual).tolist() == [49, 99, 149, 199, 249]
    assert jump.sum(axis=0).tolist() == [5] * 4


def test_one_dimension_that_switches_is_no_break():
    states = walks(1)[0]
    states[30:, 0] += 10
    usual = usual_change([states])
    jump = jumps(states, usual)
    assert jump.sum(axis=0).tolist() == [1, 0, 0, 0]
    assert breaks(jump, usual).size == 0


def test_a_jump_is_more_than_twenty_times_the_usual():
    for factor, found in ((0.9, 0), (1.1, 1)):
        states = np.append(np.arange(40.0), 39 + factor * BEYOND)[:, None]
        usual = usual_change([states])
        assert usual == 1 and jumps(states, usual).sum() == found
