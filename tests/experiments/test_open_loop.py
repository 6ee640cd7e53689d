"""Which plans could be executed as they are."""

import numpy as np

from dfplan_envs.pointmaze.maps import parse_map
from experiments.common.open_loop import stays_free

MAZE = parse_map(["#####", "#OOO#", "#O#O#", "#OOO#", "#####"])


def free(*plans, tokens=(2,)):
    return stays_free(np.array(plans, float), np.array(tokens), MAZE).tolist()


def test_whole_lines_are_checked_and_not_only_their_ends():
    around = [[-1, 0], [-1, 1], [1, 1]]
    through = [[-1, 1], [-1, 0], [1, 0]]
    assert free(around, through, tokens=(2, 2)) == [True, False]


def test_tokens_after_the_arrival_are_ignored():
    through_last = [[-1, 1], [-1, 0], [1, 0]]
    assert free(through_last, tokens=(1,)) == [True]


def test_points_off_the_map_are_not_free():
    assert free([[-1, 0], [-9, 0], [-1, 0]]) == [False]
