"""Metrics of episodes with known answers."""

import numpy as np
import pytest

from dfplan.evaluation.episodes import Episodes
from dfplan.evaluation.metrics import METRICS, measure

UMAZE = {"min": 23.85, "max": 161.86}
STEPS = 300


def episode(inside, length=STEPS):
    """An episode that is at the goal at the steps `inside` (0 is the reset); ends at `length`."""
    success = np.zeros(STEPS + 1, bool)
    success[list(inside)] = True
    success[length:] = success[length]
    reward = success[1:].astype(float)
    reward[length:] = 0
    return reward, success, length


def metrics(*episodes, score=UMAZE, flagged=True):
    reward, success, length = map(np.array, zip(*episodes, strict=True))
    record = Episodes(
        seeds=np.arange(len(length)),
        reward=reward,
        success=success if flagged else None,
        length=length,
        states=np.zeros((len(length), STEPS + 1, 4)),
        goals=None,
    )
    return measure(record, score)


def umaze(steps):
    return 100 * (steps - 23.85) / (161.86 - 23.85)


@pytest.mark.parametrize(
    ("inside", "length", "raw", "latched", "first", "reach", "success"),
    [
        (range(100, 301), 300, 201, 201, 100, 1, 1),  # arrives and stays
        (range(100, 150), 300, 50, 201, 100, 1, 0),  # passes through
        ([300], 300, 1, 1, 300, 1, 1),  # at the last moment
        ([], 300, 0, 0, 300, 0, 0),  # never
        (range(301), 300, 300, 300, 0, 1, 1),  # starts there
        ([0], 300, 0, 300, 0, 1, 0),  # starts there and leaves
        ([40], 40, 1, 1, 40, 1, 1),  # ends at the goal
        ([], 40, 0, 0, 40, 0, 0),  # ends elsewhere
    ],
)
def test_metrics_of_episodes_by_hand(inside, length, raw, latched, first, reach, success):
    other = episode(range(1, 301))  # a second row, so that mixed-up rows are noticed
    values = metrics(other, episode(inside, length))
    expected = {
        "raw_return": raw,
        "normalized_score": umaze(raw),
        "latched_score": umaze(latched),
        "first_reach": first,
        "reach_rate": reach,
        "success_rate": success,
    }
    assert set(values) == set(METRICS) == set(expected)
    for name, value in expected.items():
        assert values[name].shape == (2,)
        assert values[name][1] == pytest.approx(value), name
    assert values["normalized_score"][0] == pytest.approx(200.0942, abs=1e-3)  # 276.15 / 1.3801
    assert values["first_reach"][0] == 1


def test_metrics_that_a_task_does_not_have():
    unflagged = metrics(episode([5]), flagged=False)
    assert unflagged["raw_return"].tolist() == [1]
    assert unflagged["normalized_score"][0] == pytest.approx(umaze(1))
    missing = ("latched_score", "first_reach", "reach_rate", "success_rate")
    assert all(unflagged[name] is None for name in missing)
    unscored = metrics(episode([5]), score=None)
    assert unscored["normalized_score"] is None and unscored["latched_score"] is None
    assert unscored["first_reach"].tolist() == [5]
