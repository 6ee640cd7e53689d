"""Which plans could be driven as they are."""

import numpy as np

from dfplan_envs.pointmaze.maps import parse_map
from experiments.maze2d.open_loop import stays_free

MAZE = parse_map(["#####", "#OOO#", "#O#O#", "#OOO#", "#####"])


def free(*plans, tokens=(2,)):
    return stays_free(np.array(plans, float), np.array(tokens), MAZE).tolist()


def test_lines_are_followed_and_not_only_their_ends():
    around, through = [[-1, 0], [-1, 1], [1, 1]], [[-1, 1], [-1, 0], [1, 0]]
    assert free(around, through, tokens=(2, 2)) == [True, False]


def test_what_is_planned_after_the_arrival_does_not_matter():
    through_at_last = [[-1, 1], [-1, 0], [1, 0]]
    assert free(through_at_last, tokens=(1,)) == [True]


def test_off_the_map_is_no_free_place():
    assert free([[-1, 0], [-9, 0], [-1, 0]]) == [False]
