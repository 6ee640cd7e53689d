"""States from noisy and missing readings of a point whose velocity is its action."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.control.estimator import AffineMap, StateEstimator, as_reading
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.measurement_noise import MIN_RESIDUALS
from dfplan.diffusion.schedules import Cosine
from dfplan.planner.execution_config import ESTIMATED
from dfplan.representation.normalizer import Normalizer
from dfplan.types import UserError

STATES = Normalizer(jnp.array([1.0, -2.0]), jnp.array([2.0, 0.5]))
ACTIONS = Normalizer(jnp.array([0.5, 0.0]), jnp.array([2.0, 1.0]))
STATE_MAP = AffineMap.of(STATES)
BATCH = 8
STEPS = 150


def dynamics():
    """Return normalized dynamics that add a tenth of the action and a little noise."""
    gain = 0.1 * np.array(ACTIONS.std) / np.array(STATES.std)
    drift = 0.1 * np.array(ACTIONS.mean) / np.array(STATES.std)
    weights = np.concatenate([np.zeros((2, 2)), np.diag(gain), drift[:, None]], axis=1)
    bound = np.full(2, 1e3)
    return LinearDynamics(weights=weights, covariance=1e-4 * np.eye(2), low=-bound, high=bound)


def make(*noise):
    return StateEstimator.create(dynamics(), STATES, ACTIONS, observation_noise=noise)


def drive(noise, deviation, missing=0.0, steps=STEPS):
    """Return errors `[T, B, 2]` of readings and of estimates, and the deviations claimed."""
    rng = np.random.default_rng(0)
    estimator = make(*noise)
    memory = estimator.init(BATCH)
    state = 1 + rng.normal(size=(BATCH, 2))
    rows = []
    for _ in range(steps):
        reading = state + np.asarray(deviation) * rng.normal(size=state.shape)
        reading[rng.random(BATCH) < missing] = np.nan
        estimate, claimed, memory = estimator.observe(memory, reading.astype(np.float32))
        rows.append((reading - state, estimate - state, claimed * np.array(STATES.std)))
        action = rng.normal(size=(BATCH, 2))
        memory = estimator.predict(memory, action)
        state = state + 0.1 * action + 0.01 * np.array(STATES.std) * rng.normal(size=state.shape)
    return [np.stack(arrays) for arrays in zip(*rows, strict=True)]


def rms(errors, dim=0):
    return np.sqrt(np.nanmean(errors[STEPS // 2 :, :, dim] ** 2))


def test_declared_noise_is_filtered_and_the_remainder_is_known():
    reading, estimate, claimed = drive((0.2, 0.0), (0.2, 0.0))
    assert rms(estimate) < 0.5 * rms(reading)
    assert rms(estimate) == pytest.approx(claimed[-1, 0, 0], rel=0.25)
    np.testing.assert_allclose(estimate[..., 1], reading[..., 1], atol=1e-6)  # exact: unchanged
    assert (claimed[..., 1] == 0).all()


def test_one_number_declares_all_dimensions():
    one = drive((0.2,), (0.2, 0.2))
    each = drive((0.2, 0.2), (0.2, 0.2))
    np.testing.assert_array_equal(one[1], each[1])


def test_missing_readings_are_predicted():
    reading, estimate, _ = drive((), (0.0, 0.0), missing=0.5)
    is_missing = np.isnan(reading[..., 0])
    assert np.isfinite(estimate).all()
    assert np.abs(estimate[~is_missing]).max() < 1e-6
    assert 0.001 < np.sqrt(np.mean(estimate[20:][is_missing[20:]] ** 2)) < 0.1


def test_the_claimed_deviation_rises_while_readings_are_missing():
    estimator = make()
    memory = estimator.init(1)
    deviations = []
    for t in range(5):
        reading = np.full((1, 2), np.nan if t else 1.0)
        _, deviation, memory = estimator.observe(memory, reading)
        deviations.append(deviation[0, 0])
        memory = estimator.predict(memory, np.zeros((1, 2)))
    assert deviations[0] == 0 and (np.diff(deviations) > 0).all()


def test_unknown_noise_is_estimated():
    reading, estimate, claimed = drive((ESTIMATED,), (0.2, 0.0))
    assert (claimed[:MIN_RESIDUALS] == 0).all()  # too few readings to tell
    assert rms(estimate) < 0.5 * rms(reading)
    assert rms(estimate, 1) <= rms(reading, 1) + 0.01
    with_declared_noise = drive((0.2, 0.0), (0.2, 0.0))[1]
    assert rms(estimate) < 1.3 * rms(with_declared_noise)


def test_clean_readings_do_not_count_as_noisy():
    """They are far more precise than their predictions."""
    _, estimate, claimed = drive((ESTIMATED,), (0.0, 0.0))
    for dim, unknown in enumerate(0.01 * np.array(STATES.std)):
        assert rms(estimate, dim) < 0.3 * unknown
        assert claimed[STEPS // 2 :, :, dim].max() < 0.6 * unknown


def test_reset_of_some_robots():
    estimator = make(0.2)
    rng = np.random.default_rng(0)
    memory = estimator.init(2)
    for _ in range(5):
        *_, memory = estimator.observe(memory, rng.normal(size=(2, 2)))
        memory = estimator.predict(memory, np.ones((2, 2)))
    memory = estimator.reset(memory, np.array([True, False]))
    reading = rng.normal(size=(2, 2))
    mean, deviation, _ = estimator.observe(memory, reading)
    first_mean, first_deviation, _ = estimator.observe(estimator.init(2), reading)
    np.testing.assert_array_equal(mean[0], first_mean[0])
    np.testing.assert_array_equal(deviation[0], first_deviation[0])
    assert (deviation[1] < first_deviation[1]).all() and (mean[1] != first_mean[1]).all()


@pytest.mark.parametrize("noise", [0.2, ESTIMATED])
def test_no_function_changes_its_input(noise):
    estimator = make(noise)
    *_, memory = estimator.observe(estimator.init(2), np.ones((2, 2)))
    memory = estimator.predict(memory, np.ones((2, 2)))
    before = jax.tree.map(np.copy, memory)
    *_, after = estimator.observe(memory, np.full((2, 2), 1.5))
    estimator.predict(after, np.ones((2, 2)))
    estimator.reset(memory, np.array([True, False]))
    jax.tree.map(np.testing.assert_array_equal, memory, before)


def test_a_reading_has_the_level_of_its_noise():
    """Before an episode's first reading the filter knows the data, as the network does."""
    schedule = Cosine(1.6)
    ratio = np.array([0.1, 0.4])
    reading = np.array([[2.0, -1.0]], np.float32)
    estimator = make(*(float(n) for n in ratio * np.array(STATES.std)))
    mean, deviation, _ = estimator.observe(estimator.init(1), reading)
    assert (np.abs(mean - np.array(STATES.mean)) < np.abs(reading - STATES.mean)).all()
    token, level = as_reading(schedule, STATE_MAP, mean, deviation)
    np.testing.assert_allclose(token, reading, rtol=1e-5)
    alpha, sigma = schedule.alpha_sigma(jnp.asarray(level))
    assert float(sigma[0] / alpha[0]) == pytest.approx(0.4, rel=1e-3)


def test_an_unknown_state_is_a_missing_token_and_a_known_one_is_clean():
    estimator = make()
    reading = np.array([[np.nan, 1.0], [0.3, 0.4]], np.float32)
    mean, deviation, _ = estimator.observe(estimator.init(2), reading)
    token, level = as_reading(Cosine(), STATE_MAP, mean, deviation)
    assert level.tolist() == [1.0, 0.0] and np.isfinite(token).all()
    np.testing.assert_array_equal(token[1], reading[1])


def test_a_mean_too_far_out_becomes_a_plausible_reading():
    mean = np.array([[1.0 + 2 * 30.0, -2.0]])
    deviation = np.array([[0.8, 0.1]])
    token, level = as_reading(Cosine(), STATE_MAP, mean, deviation)
    alpha, _ = Cosine().alpha_sigma(jnp.asarray(level))
    assert float(alpha[0]) * (token[0, 0] - 1.0) / 2.0 == pytest.approx(4.0, rel=1e-2)
    assert token[0, 1] == pytest.approx(-2.0)


def test_the_number_of_noises_is_checked():
    with pytest.raises(UserError, match=r"observation_noise has 3 numbers; needed: 1 or 2"):
        make(0.1, 0.1, 0.1)
