"""Counts of overturned ants, and of the steps before they turn over."""

import numpy as np

from experiments.ogbench.overturned import Tally

UPRIGHT = [1.0, 0.0, 0.0, 0.0]
ON_ITS_BACK = [0.0, 1.0, 0.0, 0.0]


def episode(*orientations):
    states = np.zeros((len(orientations), 29))
    states[:, 3:7] = orientations
    return states


def test_steps_after_an_ant_has_turned_over_are_not_counted():
    walks = episode(*[UPRIGHT] * 5)
    falls = episode(*[UPRIGHT] * 3, *[ON_ITS_BACK] * 4)
    tally = Tally.of([walks, falls, walks])
    assert tally == Tally(episodes=3, overturned=1, upright=4 + 3 + 4)
    assert tally.cells() == ("3", "1", "11")
    assert Tally.of([walks]).cells() == ("1", "0", "–")
