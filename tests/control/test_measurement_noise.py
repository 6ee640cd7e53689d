"""The noise of readings, from what the motion foretells of them."""

import numpy as np

from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.measurement_noise import NEEDED, WINDOW, MeasurementNoiseEstimator

FAR = np.full(2, 1e6)
MOTION = LinearDynamics(
    np.array([[0, 0.1, 0, 0], [0, -0.2, 0.5, 0]]), np.diag([1e-4, 4e-4]), -FAR, FAR
)
BATCH = 64


def measure(deviation, steps=WINDOW, shoves=0.0, missing=0.0):
    """Mean of the estimated variances after each step, `[T, 2]`."""
    rng = np.random.default_rng(0)
    meter, state, found = MeasurementNoiseEstimator(MOTION, BATCH), np.zeros((BATCH, 2)), []
    for _ in range(steps):
        reading = state + deviation * rng.normal(size=state.shape)
        reading[rng.random(BATCH) < missing] = np.nan
        found.append(meter.observe(reading).mean(axis=0))
        action = rng.normal(size=(BATCH, 1))
        meter.acted(action)
        state = MOTION.step(state, action)
        state = state + np.sqrt(np.diag(MOTION.covariance)) * rng.normal(size=state.shape)
        state = state + 5.0 * (rng.random((BATCH, 1)) < shoves)
    return np.array(found)


def test_it_finds_the_variance_of_each_dimension():
    found = measure(np.array([0.3, 0.1]))
    assert (found[:NEEDED] == 0).all() and (found[NEEDED] > 0).all()
    np.testing.assert_allclose(found[-1], [0.09, 0.01], rtol=0.1)


def test_shoves_are_no_noise_and_gaps_do_no_harm():
    shoved = measure(np.array([0.3, 0.1]), shoves=0.05)
    np.testing.assert_allclose(shoved[-1], [0.09, 0.01], rtol=0.25)
    gaps = measure(np.array([0.3, 0.1]), missing=0.3)
    np.testing.assert_allclose(gaps[-1], [0.09, 0.01], rtol=0.15)


def test_exact_readings_have_no_noise():
    assert (measure(np.zeros(2))[-1] < 1e-4).all()
