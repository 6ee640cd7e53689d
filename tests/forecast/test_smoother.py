"""The Kalman smoother against the joint Gaussian of all positions."""

import numpy as np
import pytest

from dfplan.forecast.smoother import ACCELERATION, ConstantVelocity

STEPS = 9
KNOWN = np.array([1, 1, 1, 0, 0, 0, 1, 0, 1], bool)


def joint_covariance(model, prior):
    """Return the covariance of all positions, by propagating the velocity's random walk."""
    size = 2 * STEPS
    transition = np.eye(size)
    covariance = np.zeros((size, size))
    covariance[:2, :2] = prior * np.eye(2)
    for t in range(1, STEPS):
        transition[2 * t : 2 * t + 2, 2 * t - 2 : 2 * t] = -np.array([[1, 1], [0, 1]])
        block = slice(2 * t, 2 * t + 2)
        covariance[block, block] = model.process**2 * ACCELERATION
    inverse = np.linalg.inv(transition)
    return (inverse @ covariance @ inverse.T)[::2, ::2]


@pytest.mark.parametrize("measurement", [0.01, 0.3])
def test_the_posterior_is_that_of_the_joint_gaussian(measurement):
    model = ConstantVelocity(process=0.2, measurement=measurement)
    values = np.random.default_rng(0).normal(size=(2, STEPS)).cumsum(axis=1)
    mean, variance = model.smooth(values, np.tile(KNOWN, (2, 1)))
    joint = joint_covariance(model, prior=1e4)
    observed = joint[np.ix_(KNOWN, KNOWN)] + measurement**2 * np.eye(KNOWN.sum())
    gain = np.linalg.solve(observed, joint[KNOWN]).T
    np.testing.assert_allclose(mean, values[:, KNOWN] @ gain.T, rtol=1e-3, atol=1e-3)
    expected = np.diag(joint - gain @ joint[KNOWN])
    np.testing.assert_allclose(variance, np.tile(expected, (2, 1)), rtol=1e-2, atol=1e-5)


def test_motion_at_constant_velocity_is_filled_exactly():
    values = np.arange(STEPS) * 2.5 - 4
    shown = np.where(KNOWN, values, 99.0)[None]
    mean, _ = ConstantVelocity(process=0.1, measurement=1e-4).smooth(shown, KNOWN[None])
    np.testing.assert_allclose(mean[0], values, atol=1e-3)


def test_both_deviations_are_recovered():
    rng = np.random.default_rng(1)
    kicks = rng.multivariate_normal([0, 0], 0.3**2 * ACCELERATION, size=(400, 30))
    velocity = np.cumsum(kicks[..., 1], axis=1)
    before = np.pad(velocity, ((0, 0), (1, 0)))[:, :-1]
    position = np.cumsum(before + kicks[..., 0], axis=1)
    model = ConstantVelocity.fit(position + rng.normal(scale=0.6, size=position.shape))
    assert model.process == pytest.approx(0.3, rel=0.2)
    assert model.measurement == pytest.approx(0.6, rel=0.2)
