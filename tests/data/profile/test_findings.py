"""Each problem for training is found, named and reported alone."""

import numpy as np
import pytest
from gymnasium import spaces

from dfplan.data.profile.findings import FEW_STEPS, findings
from dfplan.data.profile.measure import measure

from .conftest import ID, box, walk

STEPS = FEW_STEPS // 2


def missing(episodes):
    episodes[1][0][7, 2] = np.nan
    return "observation 2: up to 0.01% of the values are NaN or infinite (first: episode 1, step 7)"


def joined(episodes):
    episodes[1][0][30:] += 30
    return "1 steps change half of the state"


def constant(episodes):
    for observations, *_ in episodes:
        observations[:, 3] = 1
    return "observation 3: the value never changes"


def drifting(episodes):
    for observations, *_ in episodes:
        observations[:, 3] = 0.7 + 1e-5 * np.linspace(-1, 1, len(observations))
    return "observation 3 varies by only 5.8e-06 (standard deviation) around 0.7"


def saturated(episodes):
    for _, actions, *_ in episodes:
        np.copyto(actions, np.sign(actions), where=np.abs(actions) > 0.4)
    return "action: at the lowest or highest value in up to 59%"


def short(episodes):
    episodes.append(walk(9, 3))
    return "1 of 3 episodes are shorter than a token of 4 steps"


def few(episodes):
    del episodes[1]
    return "5,000 steps are few"


@pytest.mark.parametrize("spoil", [missing, joined, constant, drifting, saturated, short, few])
def test_a_problem_is_reported_alone(write, spoil):
    episodes = [walk(0, STEPS), walk(1, STEPS)]
    beginning = spoil(episodes)
    write(episodes, box(4))
    (sentence,) = findings(measure(ID), stride=4)
    assert sentence.startswith(beginning)


def test_nothing_is_found_in_sound_data(write):
    write([walk(0, STEPS), walk(1, STEPS)], box(4))
    assert findings(measure(ID), stride=4) == []


def test_unsupported_spaces_are_the_only_finding(write):
    observations = np.zeros((6, 3, 2), np.uint8)
    image = spaces.Box(0, 255, (3, 2), np.uint8)
    write([(observations, np.zeros((5, 1), np.float32), np.zeros(5), "truncated")], image)
    (sentence,) = findings(measure(ID))
    assert "Box(0, 255, (3, 2)" in sentence
