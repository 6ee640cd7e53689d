"""Measurement noise from the residuals of one-step predictions."""

import jax
import numpy as np

from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.measurement_noise import MIN_RESIDUALS, WINDOW, MeasurementNoiseEstimator

FAR = np.full(2, 1e6)
DYNAMICS = LinearDynamics(
    weights=np.array([[0, 0.1, 0, 0], [0, -0.2, 0.5, 0]]),
    covariance=np.diag([1e-4, 4e-4]),
    low=-FAR,
    high=FAR,
)
BATCH = 64
ESTIMATOR = MeasurementNoiseEstimator(DYNAMICS)


def measure(deviation, steps=WINDOW, pushes=0.0, missing=0.0):
    """Return the mean of the estimated variances after each step, `[T, 2]`."""
    rng = np.random.default_rng(0)
    memory = ESTIMATOR.init(BATCH)
    state = np.zeros((BATCH, 2))
    variances = []
    for _ in range(steps):
        reading = state + deviation * rng.normal(size=state.shape)
        reading[rng.random(BATCH) < missing] = np.nan
        variance, memory = ESTIMATOR.observe(memory, reading)
        variances.append(variance.mean(axis=0))
        action = rng.normal(size=(BATCH, 1))
        memory = ESTIMATOR.predict(memory, reading, action)
        state = DYNAMICS.step(state, action)
        state = state + np.sqrt(np.diag(DYNAMICS.covariance)) * rng.normal(size=state.shape)
        state = state + 5.0 * (rng.random((BATCH, 1)) < pushes)
    return np.array(variances)


def test_it_estimates_the_variance_of_each_dimension():
    variances = measure(np.array([0.3, 0.1]))
    assert (variances[:MIN_RESIDUALS] == 0).all() and (variances[MIN_RESIDUALS] > 0).all()
    np.testing.assert_allclose(variances[-1], [0.09, 0.01], rtol=0.1)


def test_pushes_do_not_count_as_noise_and_gaps_do_no_harm():
    pushed = measure(np.array([0.3, 0.1]), pushes=0.05)
    np.testing.assert_allclose(pushed[-1], [0.09, 0.01], rtol=0.25)
    gaps = measure(np.array([0.3, 0.1]), missing=0.3)
    np.testing.assert_allclose(gaps[-1], [0.09, 0.01], rtol=0.15)


def test_exact_readings_have_no_noise():
    assert (measure(np.zeros(2))[-1] < 1e-4).all()


def test_a_reset_keeps_residuals_and_drops_the_prediction():
    memory = ESTIMATOR.init(2)
    reading = np.ones((2, 2))
    for _ in range(3):
        _, memory = ESTIMATOR.observe(memory, reading)
        memory = ESTIMATOR.predict(memory, reading, np.zeros((2, 1)))
    before = jax.tree.map(np.copy, memory)
    after = ESTIMATOR.reset(memory, np.array([True, False]))
    np.testing.assert_array_equal(after.residuals, before.residuals)
    assert np.isnan(after.prediction[0]).all() and np.isfinite(after.prediction[1]).all()
    jax.tree.map(np.testing.assert_array_equal, memory, before)
