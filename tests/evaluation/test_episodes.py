"""Records of episodes that were played one after the other, joined into one."""

import numpy as np

from dfplan.evaluation.episodes import Episodes, join


def record(seed, rewards, success, goal):
    steps = len(rewards)
    return Episodes(
        seeds=np.array([seed]),
        reward=np.array([rewards]),
        success=None if success is None else np.array([success], bool),
        length=np.array([steps]),
        states=np.arange(steps + 1.0)[None, :, None] + seed,
        goals=None if goal is None else np.array([[goal]]),
    )


def test_the_ends_are_padded():
    joined = join(
        [record(1, [1.0, 2.0, 3.0], [0, 0, 0, 1], goal=7), record(5, [4.0], [0, 1], goal=8)]
    )
    assert joined.seeds.tolist() == [1, 5] and joined.length.tolist() == [3, 1]
    assert joined.reward.tolist() == [[1, 2, 3], [4, 0, 0]]
    assert joined.success.tolist() == [[False] * 3 + [True], [False, True, True, True]]
    assert joined.states[..., 0].tolist() == [[1, 2, 3, 4], [5, 6, 6, 6]]
    assert joined.goals.tolist() == [[7], [8]]


def test_flags_that_only_some_records_have():
    joined = join([record(1, [1.0], None, goal=None), record(2, [1.0, 1.0], [0, 1, 0], goal=None)])
    assert joined.success.tolist() == [[False] * 3, [False, True, False]] and joined.goals is None
    assert join([record(1, [1.0], None, goal=None)]).success is None
