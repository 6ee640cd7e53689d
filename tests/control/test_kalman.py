"""The filter against a joint Gaussian, conditioned all at once."""

import numpy as np
import pytest

from dfplan.control.kalman import Belief, predict, update
from dfplan.control.linear_dynamics import LinearDynamics

WIDE = np.full(2, 1e3)
MOTION = LinearDynamics(
    np.array([[0.0, 0.1, 0.0, 0.02], [-0.1, -0.05, 0.3, 0.0]]),
    np.array([[0.01, 0.002], [0.002, 0.04]]),
    -WIDE,
    WIDE,
)
NOISE = np.array([0.3, 0.1])


def joint(actions, readings):
    """Mean and covariance of the last state, given all readings at once."""
    steps, turn = len(readings), MOTION.transition
    mean, cov = [np.zeros(2)], np.zeros((2 * steps, 2 * steps))
    cov[:2, :2] = np.eye(2)
    for t in range(1, steps):
        mean.append(turn @ mean[-1] + MOTION.weights[:, 2] * actions[t - 1] + MOTION.weights[:, 3])
        now, past = slice(2 * t, 2 * t + 2), slice(0, 2 * t)
        cov[now, past] = turn @ cov[2 * t - 2 : 2 * t, past]
        cov[past, now] = cov[now, past].T
        cov[now, now] = turn @ cov[2 * t - 2 : 2 * t, 2 * t - 2 : 2 * t] @ turn.T
        cov[now, now] += MOTION.covariance
    read = np.isfinite(readings).ravel()
    seen = cov[np.ix_(read, read)] + np.diag(np.tile(NOISE, steps)[read])
    gain = np.linalg.solve(seen, cov[read][:, -2:]).T
    surprise = (readings - np.array(mean)).ravel()[read]
    return mean[-1] + gain @ surprise, cov[-2:, -2:] - gain @ cov[read][:, -2:]


def test_it_is_the_joint_gaussian_given_what_was_read():
    rng = np.random.default_rng(0)
    readings, actions = rng.normal(size=(2, 6, 2)), rng.normal(size=(2, 6))
    readings[0, 2] = np.nan  # a whole reading
    readings[1, 3:5, 0] = np.nan  # one sensor
    belief = Belief.prior(2, 2)
    for t in range(6):
        belief = update(belief, readings[:, t], np.tile(NOISE, (2, 1)))
        for b in range(2):
            mean, covariance = joint(actions[b], readings[b, : t + 1])
            np.testing.assert_allclose(belief.mean[b], mean, atol=1e-6)
            np.testing.assert_allclose(belief.covariance[b], covariance, atol=1e-6)
        belief = predict(MOTION, belief, actions[:, t, None])


def test_an_exact_reading_is_believed():
    belief = predict(MOTION, Belief.prior(1, 2), np.zeros((1, 1)))
    belief = update(belief, np.array([[1.0, np.nan]]), np.zeros((1, 2)))
    assert belief.mean[0, 0] == pytest.approx(1.0) and belief.variance[0, 0] == pytest.approx(0.0)
    assert belief.variance[0, 1] > 0.1
