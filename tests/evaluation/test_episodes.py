"""Records of episodes that were played one after the other, as one record."""

import numpy as np

from dfplan.evaluation.episodes import Episodes, join


def record(seed, rewards, success, goal):
    steps = len(rewards)
    states = np.arange(steps + 1.0)[None, :, None] + seed
    flags = None if success is None else np.array([success], bool)
    goals = None if goal is None else np.array([[goal]])
    return Episodes(np.array([seed]), np.array([rewards]), flags, np.array([steps]), states, goals)


def test_the_ends_are_padded():
    whole = join([record(1, [1.0, 2.0, 3.0], [0, 0, 0, 1], 7), record(5, [4.0], [0, 1], 8)])
    assert whole.seeds.tolist() == [1, 5] and whole.length.tolist() == [3, 1]
    assert whole.reward.tolist() == [[1, 2, 3], [4, 0, 0]]
    assert whole.success.tolist() == [[False] * 3 + [True], [False, True, True, True]]
    assert whole.states[..., 0].tolist() == [[1, 2, 3, 4], [5, 6, 6, 6]]
    assert whole.goals.tolist() == [[7], [8]]


def test_what_only_some_of_them_say():
    whole = join([record(1, [1.0], None, None), record(2, [1.0, 1.0], [0, 1, 0], None)])
    assert whole.success.tolist() == [[False] * 3, [False, True, False]] and whole.goals is None
    assert join([record(1, [1.0], None, None)]).success is None
