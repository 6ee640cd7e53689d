"""Linear dynamics fitted to the data's control steps."""

import json

import numpy as np

from dfplan.control.linear_dynamics import LinearDynamics, fitted_rows

A = np.array([[0.0, 0.1], [-0.2, -0.1]])
B = np.array([0.0, 0.5])
C = np.array([0.02, 0.0])
NOISE = 0.05


def episodes(noise=NOISE):
    """Return two episodes of a noisy linear system; the second does not continue the first."""
    rng = np.random.default_rng(0)
    states = []
    actions = []
    for length, begin in ((400, 3.0), (1600, -3.0)):
        state = np.full((length, 2), begin)
        action = rng.normal(size=(length, 1))
        for t in range(length - 1):
            step = A @ state[t] + B * action[t] + C
            state[t + 1] = state[t] + step + noise * rng.normal(size=2)
        states.append(state)
        actions.append(action)
    length = np.array([400, 1600])
    return np.concatenate(states), np.concatenate(actions), np.cumsum(length) - length, length


def fit(state, action, start, length):
    rows = fitted_rows(start, length)
    return LinearDynamics.fit(
        current=state[rows],
        action=action[rows],
        following=state[rows + 1],
        low=state.min(axis=0),
        high=state.max(axis=0),
    )


def test_it_finds_a_linear_system():
    dynamics = fit(*episodes())
    expected = np.concatenate([A, B[:, None], C[:, None]], axis=1)
    np.testing.assert_allclose(dynamics.weights, expected, atol=0.01)
    np.testing.assert_allclose(dynamics.covariance, NOISE**2 * np.eye(2), atol=3e-4)
    exact = fit(*episodes(noise=0.0))
    np.testing.assert_allclose(exact.weights, expected, atol=1e-9)  # no step joins the episodes
    np.testing.assert_allclose(exact.transition, np.eye(2) + A, atol=1e-9)


def test_it_does_not_leave_the_data():
    state, action, start, length = episodes()
    dynamics = fit(state, action, start, length)
    far = dynamics.step(np.array([[0.0, 0.0], [1e3, -1e3]]), np.array([[0.1], [0.0]]))
    np.testing.assert_allclose(far[0], [0.02, 0.05], atol=0.01)
    np.testing.assert_array_equal(far[1], [state[:, 0].max(), state[:, 1].min()])


def test_json_round_trip():
    dynamics = fit(*episodes())
    restored = LinearDynamics.from_dict(json.loads(json.dumps(dynamics.to_dict())))
    for a, b in zip(vars(dynamics).values(), vars(restored).values(), strict=True):
        np.testing.assert_array_equal(a, b)
