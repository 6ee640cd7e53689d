"""`arrival` on plans written by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.planner.measures import arrival


def arrival_at(*xs, tolerance=1.0, goal=0.0):
    position = jnp.array(xs, jnp.float32)[:, None]
    return float(arrival(position, jnp.array([goal]), tolerance))


@pytest.mark.parametrize(
    ("xs", "expected"),
    [
        ((4.0, 2.0, 0.0), 1.5),  # halfway from distance 2 to 0
        ((4.0, 3.0, 0.5), 1.8),  # 2 of 2.5 meters of the last step
        ((3.0, 1.0, 0.0), 1.0),  # on the edge
        ((5.0, -0.5, 5.0), 8 / 9),  # leaves again: the first arrival counts; distances 5 to 0.5
        ((0.2, 3.0, 0.0), 0.0),  # starts there
        ((1.0, 3.0, 3.0), 0.0),
    ],
)
def test_arrival_is_interpolated(xs, expected):
    assert arrival_at(*xs) == pytest.approx(expected, abs=1e-5)


def test_plans_that_never_arrive_are_ordered_by_the_remaining_distance():
    near = arrival_at(9.0, 2.0)
    far = arrival_at(1.5, 3.0)
    farthest = arrival_at(1.5, 1e6)
    assert 2 < near < far < farthest <= 3
    assert near == pytest.approx(2 + 2 / 3)
    assert arrival_at(9.0, np.inf) == arrival_at(9.0, np.nan) == 3


def test_batches_of_plans_in_the_plane():
    position = np.zeros((2, 3, 4, 2), np.float32)
    position[..., 0] = [3, 2, 1, 0]
    position[1, 2, :, 1] = 9
    goal = np.zeros((2, 3, 2), np.float32)
    token = np.asarray(arrival(position, goal, 1.5))
    assert token.shape == (2, 3) and token[1, 2] > 4
    np.testing.assert_allclose(np.delete(token.ravel(), 5), 1.5)
