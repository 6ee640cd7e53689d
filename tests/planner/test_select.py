"""arrival() on plans made by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.planner.select import arrival


def at(*xs, tolerance=1.0, goal=0.0):
    position = jnp.array(xs, jnp.float32)[:, None]
    return float(arrival(position, jnp.array([goal]), tolerance))


@pytest.mark.parametrize(
    ("xs", "wanted"),
    [
        ((4.0, 2.0, 0.0), 1.5),  # halfway from distance 2 to 0
        ((4.0, 3.0, 0.5), 1.8),  # 2 of 2.5 metres of the last step
        ((3.0, 1.0, 0.0), 1.0),  # on the edge
        ((5.0, -0.5, 5.0), 8 / 9),  # leaves again: the first time counts; distances 5 to 0.5
        ((0.2, 3.0, 0.0), 0.0),  # starts there
        ((1.0, 3.0, 3.0), 0.0),
    ],
)
def test_arrival_is_interpolated(xs, wanted):
    assert at(*xs) == pytest.approx(wanted, abs=1e-5)


def test_who_never_arrives_is_ordered_by_the_distance_left():
    near, far, farthest = at(9.0, 2.0), at(1.5, 3.0), at(1.5, 1e6)
    assert 2 < near < far < farthest <= 3
    assert near == pytest.approx(2 + 2 / 3)
    assert at(9.0, np.inf) == at(9.0, np.nan) == 3


def test_in_the_plane_and_in_batches():
    position = np.zeros((2, 3, 4, 2), np.float32)
    position[..., 0] = [3, 2, 1, 0]
    position[1, 2, :, 1] = 9
    goal = np.zeros((2, 3, 2), np.float32)
    found = np.asarray(arrival(position, goal, 1.5))
    assert found.shape == (2, 3) and found[1, 2] > 4
    np.testing.assert_allclose(np.delete(found.ravel(), 5), 1.5)
