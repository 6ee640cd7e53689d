"""The filter against a joint Gaussian, conditioned all at once."""

import numpy as np
import pytest

from dfplan.control.kalman import MAX_VARIANCE, Belief, predict, update
from dfplan.control.linear_dynamics import LinearDynamics

WIDE = np.full(2, 1e3)
DYNAMICS = LinearDynamics(
    weights=np.array([[0.0, 0.1, 0.0, 0.02], [-0.1, -0.05, 0.3, 0.0]]),
    covariance=np.array([[0.01, 0.002], [0.002, 0.04]]),
    low=-WIDE,
    high=WIDE,
)
NOISE = np.array([0.3, 0.1])


def joint(actions, readings):
    """Return mean and covariance of the last state given all readings at once."""
    steps = len(readings)
    transition = DYNAMICS.transition
    mean = [np.zeros(2)]
    cov = np.zeros((2 * steps, 2 * steps))
    cov[:2, :2] = np.eye(2)
    for t in range(1, steps):
        mean.append(
            transition @ mean[-1] + DYNAMICS.weights[:, 2] * actions[t - 1] + DYNAMICS.weights[:, 3]
        )
        now = slice(2 * t, 2 * t + 2)
        past = slice(0, 2 * t)
        cov[now, past] = transition @ cov[2 * t - 2 : 2 * t, past]
        cov[past, now] = cov[now, past].T
        cov[now, now] = transition @ cov[2 * t - 2 : 2 * t, 2 * t - 2 : 2 * t] @ transition.T
        cov[now, now] += DYNAMICS.covariance
    is_read = np.isfinite(readings).ravel()
    observed = cov[np.ix_(is_read, is_read)] + np.diag(np.tile(NOISE, steps)[is_read])
    gain = np.linalg.solve(observed, cov[is_read][:, -2:]).T
    innovation = (readings - np.array(mean)).ravel()[is_read]
    return mean[-1] + gain @ innovation, cov[-2:, -2:] - gain @ cov[is_read][:, -2:]


def test_it_is_the_joint_gaussian_given_the_readings():
    rng = np.random.default_rng(0)
    readings = rng.normal(size=(2, 6, 2))
    actions = rng.normal(size=(2, 6))
    readings[0, 2] = np.nan  # a whole reading
    readings[1, 3:5, 0] = np.nan  # one sensor
    belief = Belief.prior(2, 2)
    for t in range(6):
        belief = update(belief, readings[:, t], np.tile(NOISE, (2, 1)))
        for b in range(2):
            mean, covariance = joint(actions[b], readings[b, : t + 1])
            np.testing.assert_allclose(belief.mean[b], mean, atol=1e-6)
            np.testing.assert_allclose(belief.covariance[b], covariance, atol=1e-6)
        belief = predict(DYNAMICS, belief, actions[:, t, None])


def test_an_exact_reading_is_believed():
    belief = predict(DYNAMICS, Belief.prior(1, 2), np.zeros((1, 1)))
    belief = update(belief, np.array([[1.0, np.nan]]), np.zeros((1, 2)))
    assert belief.mean[0, 0] == pytest.approx(1.0) and belief.variance[0, 0] == pytest.approx(0.0)
    assert belief.variance[0, 1] > 0.1


def test_without_readings_an_unstable_belief_stays_finite():
    unstable = LinearDynamics(
        weights=np.array([[1.0, 0.5, 0.0, 0.0], [0.0, 0.2, 0.0, 0.0]]),
        covariance=0.01 * np.eye(2),
        low=-WIDE,
        high=WIDE,
    )
    belief = Belief.prior(1, 2)
    for _ in range(2000):
        belief = predict(unstable, belief, np.zeros((1, 1)))
    assert np.isfinite(belief.covariance).all()
    assert belief.variance.max() <= MAX_VARIANCE * (1 + 1e-9)
    assert np.linalg.eigvalsh(belief.covariance).min() >= -1e-6 * MAX_VARIANCE
    for _ in range(200):
        belief = update(belief, np.array([[0.5, -0.5]]), np.full((1, 2), 0.01))
    np.testing.assert_allclose(belief.mean, [[0.5, -0.5]], atol=0.02)


def test_exact_readings_may_follow_each_other_without_a_prediction():
    belief = predict(DYNAMICS, Belief.prior(2, 2), np.zeros((2, 1)))
    for offset in (0.0, 1e-4, 0.0):
        reading = np.array([[0.3, -0.2], [1.0, np.nan]]) + offset
        belief = update(belief, reading, np.zeros((2, 2)))
    np.testing.assert_allclose(belief.mean[0], [0.3, -0.2], atol=1e-3)
    np.testing.assert_allclose(belief.mean[1, 0], 1.0, atol=1e-3)
    assert np.isfinite(belief.covariance).all()
