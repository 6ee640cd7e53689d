"""The achieved goal is found in observations of any scale, and nothing else is taken for it."""

import numpy as np
import pytest

from dfplan.representation.goal_dims import find_goal_dims


def test_find_goal_dims():
    x = np.random.default_rng(0).normal(size=(50, 5))
    assert find_goal_dims(x, x[:, [3, 1]]) == (3, 1)
    assert find_goal_dims(x, x[:, [3, 1]].astype(np.float32)) == (3, 1)
    assert find_goal_dims(1000 * x, (1000 * x[:, [3, 1]]).astype(np.float32)) == (3, 1)
    assert find_goal_dims(x, x[:, [3, 1]] + 1e-3) is None
    assert find_goal_dims(x, np.stack([x[:, 3], -x[:, 1]], axis=1)) is None


def test_find_goal_dims_checks_every_row():
    x = np.random.default_rng(0).normal(size=(50, 3))
    achieved = x[:, [2]].copy()
    achieved[-1] += 0.1
    assert find_goal_dims(x, achieved) is None


@pytest.mark.parametrize(("scale", "offset"), [(1e-7, 0), (1e-3, 0), (1, 3.9e6), (1e4, 0)])
def test_find_goal_dims_has_no_scale(scale, offset):
    """Columns of tiny numbers, or close to each other beside a large offset, are not equal."""
    rng = np.random.default_rng(0)
    x = offset + scale * rng.normal(size=(50, 4))
    x[:, 0] = x[:, 2] + 0.01 * scale * rng.normal(size=50)
    assert find_goal_dims(x, x[:, [2, 1]]) == (2, 1)
    if not offset:
        assert find_goal_dims(x, x[:, [2]] + 0.005 * scale * rng.normal(size=(50, 1))) is None


def test_find_goal_dims_uses_each_column_once():
    x = np.zeros((10, 3))
    assert find_goal_dims(x, np.zeros((10, 2))) == (0, 1)
    assert find_goal_dims(x[:, :1], np.zeros((10, 2))) is None
