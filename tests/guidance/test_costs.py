"""Costs on examples computed by hand, and their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.guidance.costs import (
    discs,
    goal_distance,
    keep_out,
    scaled,
    smoothness,
    speed_limit,
    total,
    waypoints,
)
from dfplan.types import UserError

# Two rows of three states (x, y, speed).
STATES = jnp.array(
    [
        [[0.0, 0.0, 9.0], [1.0, 0.0, 9.0], [3.0, 1.0, 9.0]],
        [[1.0, 1.0, 9.0], [1.0, 1.0, 9.0], [1.0, 1.0, 9.0]],
    ]
)
GOAL = jnp.array([[1.0, 0.0], [1.0, 3.0]])


def test_goal_distance_by_hand():
    # Squared distances: 1, 0, 4 + 1; and 4 three times.
    np.testing.assert_allclose(goal_distance((0, 1))(STATES, GOAL), [6, 12])
    # In a single other dimension.
    np.testing.assert_allclose(goal_distance((2,))(STATES, jnp.array([[8.0], [9.0]])), [3, 0])
    assert goal_distance((1, 0))(STATES, GOAL[:, ::-1]).tolist() == [6, 12]


def test_goal_distance_needs_a_goal():
    with pytest.raises(UserError, match="goal"):
        goal_distance((0, 1))(STATES, None)


def test_smoothness_by_hand():
    # One second difference: (1, 1) in the first row, none in the second.
    np.testing.assert_allclose(smoothness((0, 1))(STATES, None), [2, 0])
    np.testing.assert_allclose(smoothness((1,))(STATES, None), [1, 0])
    # Mean over steps: x = t**2 bends by 2 everywhere.
    squares = jnp.arange(7.0)[None, :, None] ** 2
    np.testing.assert_allclose(smoothness((0,))(squares, None), [4])


@pytest.mark.parametrize("tokens", [1, 2])
def test_smoothness_of_fewer_than_three_states_is_zero(tokens):
    assert smoothness((0, 1))(STATES[:, :tokens], None).tolist() == [0, 0]


def test_discs_by_hand():
    centers = jnp.array([[0.0, 0.0], [3.0, 4.0]])
    extra_cost = discs((0, 1), centers, 2.0)
    # Row 0: depths 2 and 1 in the first disc, none at (3, 1). Row 1: 2 - sqrt(2), three times.
    np.testing.assert_allclose(extra_cost(STATES, None), [5, 3 * (2 - 2**0.5) ** 2], rtol=1e-5)
    # A state inside two discs adds both depths.
    two_discs = discs((0, 1), jnp.array([[0.0, 0.0], [1.0, 0.0]]), 2.0)
    np.testing.assert_allclose(two_discs(STATES[:1, :1], None), [4 + 1], rtol=1e-5)


def test_total_adds_costs():
    costs = [goal_distance((0, 1)), smoothness((0, 1)), discs((0, 1), jnp.zeros((1, 2)), 1.5)]
    np.testing.assert_allclose(
        total(*costs)(STATES, GOAL), sum(cost(STATES, GOAL) for cost in costs), rtol=1e-6
    )
    assert total()(STATES, GOAL).tolist() == [0, 0]


COSTS = {
    "goal_distance": goal_distance((0, 1)),
    "smoothness": smoothness((0, 1)),
    "discs": discs((0, 1), jnp.array([[0.5, 0.5]]), 1.0),
    "keep_out": keep_out((0, 1), [-0.5, -2.0], [1.0, 2.0]),
    "speed_limit": speed_limit((1, 2), 0.5),
    "waypoints": waypoints((0, 1), [[0.5, 0.5], [-1.0, 0.0]]),
    "total": total(goal_distance((0, 1)), smoothness((0,))),
}


@pytest.mark.parametrize("name", COSTS)
def test_gradients_equal_finite_differences(name):
    states = jax.random.normal(jax.random.key(0), (2, 4, 3))
    cost = jax.jit(lambda s: COSTS[name](s, GOAL))
    gradient = jax.grad(lambda s: cost(s).sum())(states)
    direction = jax.random.normal(jax.random.key(1), states.shape)
    ahead, behind = (cost(states + h * direction).sum() for h in (1e-2, -1e-2))
    np.testing.assert_allclose((gradient * direction).sum(), (ahead - behind) / 2e-2, rtol=2e-2)


def test_rows_do_not_mix():
    for cost in COSTS.values():
        np.testing.assert_allclose(cost(STATES, GOAL)[1:], cost(STATES[1:], GOAL[1:]), rtol=1e-6)


def test_discs_push_outwards_and_never_to_nan():
    extra_cost = discs((0, 1), jnp.zeros((1, 2)), 1.0)
    gradient = jax.grad(lambda s: extra_cost(s, None).sum())
    # Down the gradient is away from the center; outside there is no push.
    push = -gradient(jnp.array([[[0.5, 0.0], [0.0, -0.5], [2.0, 0.0]]]))
    np.testing.assert_allclose(push, [[[1, 0], [0, -1], [0, 0]]], atol=1e-5)
    for state in (0.0, -1e-6, 1e-7):
        assert jnp.isfinite(gradient(jnp.full((1, 1, 2), state))).all()


def test_boxes_by_hand():
    box = keep_out((0, 1), [0.5, -1.0], [jnp.inf, 2.0])
    # Depths from the nearest face: outside, 0.5 and 1; and 0.5 three times.
    np.testing.assert_allclose(box(STATES, None), [0.25 + 1, 3 * 0.25])
    with pytest.raises(UserError, match=r"low \[1.0\] .*high \[1.0\]"):
        keep_out((0,), [1.0], [1.0])


def test_speed_limits_by_hand():
    limit = speed_limit((0, 1), 1.0)
    np.testing.assert_allclose(
        limit(STATES, None), [(10**0.5 - 1) ** 2, 3 * (2**0.5 - 1) ** 2], rtol=1e-5
    )


def test_waypoints_are_passed_in_order():
    forward = waypoints((0, 1), [[0.0, 0.0], [3.0, 1.0]])
    np.testing.assert_allclose(forward(STATES, None), [0, 2 + 4], atol=1e-6)
    # In reverse both points match one state; the three cost 10, 5 + 1 and 10.
    backward = waypoints((0, 1), [[3.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(backward(STATES, None), [6, 6], atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda dims: discs(dims, jnp.zeros((1, 2)), 1.0),
        lambda dims: keep_out(dims, jnp.zeros(2), jnp.ones(2)),
        lambda dims: waypoints(dims, jnp.zeros((1, 2))),
    ],
    ids=["discs", "keep_out", "waypoints"],
)
def test_points_need_one_coordinate_per_dimension(make):
    with pytest.raises(UserError, match="3 coordinates"):
        make((0, 1, 2))


def test_changing_numbers_does_not_recompile():
    compiled = []

    @jax.jit
    def extra_cost(cost, states):
        compiled.append(1)
        return cost(states, None)

    for radius, weight in ((1.0, 2.0), (2.0, 3.0)):
        disc = discs((0, 1), jnp.zeros((1, 2)), radius)
        cost = extra_cost(total(scaled(disc, weight)), STATES)
        np.testing.assert_allclose(cost, weight * disc(STATES, None), rtol=1e-6)
    assert len(compiled) == 1
