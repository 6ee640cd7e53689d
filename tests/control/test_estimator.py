"""States from noisy and missing readings of a point whose velocity is its action."""

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.control.estimator import AUTO, Estimator, as_reading
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.measurement_noise import NEEDED
from dfplan.diffusion.schedules import Cosine
from dfplan.representation.normalizer import Normalizer
from dfplan.types import UserError

STATES = Normalizer(jnp.array([1.0, -2.0]), jnp.array([2.0, 0.5]))
ACTIONS = Normalizer(jnp.array([0.5, 0.0]), jnp.array([2.0, 1.0]))
BATCH, STEPS = 8, 150


def dynamics():
    """State plus a tenth of the action, plus a little that no one knows; normalised."""
    gain = 0.1 * np.array(ACTIONS.std) / np.array(STATES.std)
    drift = 0.1 * np.array(ACTIONS.mean) / np.array(STATES.std)
    weights = np.concatenate([np.zeros((2, 2)), np.diag(gain), drift[:, None]], axis=1)
    return LinearDynamics(weights, 1e-4 * np.eye(2), np.full(2, -1e3), np.full(2, 1e3))


def drive(noise, deviation, missing=0.0, steps=STEPS):
    """Errors `[T, B, 2]` of readings and of estimates, and the deviations that are claimed."""
    rng = np.random.default_rng(0)
    estimator = Estimator(dynamics(), STATES, ACTIONS, noise, BATCH)
    state, found = 1 + rng.normal(size=(BATCH, 2)), []
    for _ in range(steps):
        reading = state + np.asarray(deviation) * rng.normal(size=state.shape)
        reading[rng.random(BATCH) < missing] = np.nan
        estimate, claimed = estimator.observe(reading.astype(np.float32))
        found.append((reading - state, estimate - state, claimed * np.array(STATES.std)))
        action = rng.normal(size=(BATCH, 2))
        estimator.acted(action)
        state = state + 0.1 * action + 0.01 * np.array(STATES.std) * rng.normal(size=state.shape)
    return [np.stack(arrays) for arrays in zip(*found, strict=True)]


def rms(errors, dim=0):
    return np.sqrt(np.nanmean(errors[STEPS // 2 :, :, dim] ** 2))


def test_declared_noise_is_filtered_and_its_rest_is_known():
    reading, estimate, claimed = drive((0.2, 0.0), (0.2, 0.0))
    assert rms(estimate) < 0.5 * rms(reading)
    assert rms(estimate) == pytest.approx(claimed[-1, 0, 0], rel=0.25)
    np.testing.assert_allclose(estimate[..., 1], reading[..., 1], atol=1e-6)  # exact: as it is
    assert (claimed[..., 1] == 0).all()


def test_one_number_declares_all_dimensions():
    one, each = drive((0.2,), (0.2, 0.2)), drive((0.2, 0.2), (0.2, 0.2))
    np.testing.assert_array_equal(one[1], each[1])


def test_what_is_missing_is_foretold():
    reading, estimate, _ = drive((), (0.0, 0.0), missing=0.5)
    gone = np.isnan(reading[..., 0])
    assert np.isfinite(estimate).all()
    assert np.abs(estimate[~gone]).max() < 1e-6
    assert 0.001 < np.sqrt(np.mean(estimate[20:][gone[20:]] ** 2)) < 0.1
    assert claimed_rises()


def claimed_rises():
    estimator = Estimator(dynamics(), STATES, ACTIONS, (), 1)
    spread = []
    for t in range(5):
        spread.append(estimator.observe(np.full((1, 2), np.nan if t else 1.0))[1][0, 0])
        estimator.acted(np.zeros((1, 2)))
    return spread[0] == 0 and (np.diff(spread) > 0).all()


def test_noise_that_nobody_knows_is_estimated():
    reading, estimate, claimed = drive((AUTO,), (0.2, 0.0))
    assert (claimed[:NEEDED] == 0).all()  # too few readings to tell
    assert rms(estimate) < 0.5 * rms(reading)
    assert rms(estimate, 1) <= rms(reading, 1) + 0.01
    known = drive((0.2, 0.0), (0.2, 0.0))[1]
    assert rms(estimate) < 1.3 * rms(known)


def test_clean_readings_are_not_taken_for_noisy():
    """They are known better than the motion foretells them, by far."""
    _, estimate, claimed = drive((AUTO,), (0.0, 0.0))
    for dim, unknown in enumerate(0.01 * np.array(STATES.std)):
        assert rms(estimate, dim) < 0.3 * unknown
        assert claimed[STEPS // 2 :, :, dim].max() < 0.6 * unknown


def test_forgetting_some_robots():
    ours, fresh = (Estimator(dynamics(), STATES, ACTIONS, (0.2,), 2) for _ in range(2))
    rng = np.random.default_rng(0)
    for _ in range(5):
        ours.observe(rng.normal(size=(2, 2)))
        ours.acted(np.ones((2, 2)))
    ours.forget(np.array([True, False]))
    reading = rng.normal(size=(2, 2))
    (mine, spread), (wanted, first) = ours.observe(reading), fresh.observe(reading)
    np.testing.assert_array_equal(mine[0], wanted[0])
    np.testing.assert_array_equal(spread[0], first[0])
    assert (spread[1] < first[1]).all() and (mine[1] != wanted[1]).all()


def test_a_reading_has_the_level_of_its_noise():
    """Before an episode's first reading the filter knows the data, as the network does."""
    schedule, ratio = Cosine(1.6), np.array([0.1, 0.4])
    reading = np.array([[2.0, -1.0]], np.float32)
    noise = tuple(float(n) for n in ratio * np.array(STATES.std))
    estimate = Estimator(dynamics(), STATES, ACTIONS, noise, 1).observe(reading)
    assert (np.abs(estimate[0] - np.array(STATES.mean)) < np.abs(reading - STATES.mean)).all()
    token, level = as_reading(schedule, STATES, *estimate)
    np.testing.assert_allclose(token, reading, rtol=1e-5)
    alpha, sigma = schedule.alpha_sigma(jnp.asarray(level))
    assert float(sigma[0] / alpha[0]) == pytest.approx(0.4, rel=1e-3)


def test_of_nothing_the_token_is_missing_and_of_all_it_is_clean():
    estimator = Estimator(dynamics(), STATES, ACTIONS, (), 2)
    reading = np.array([[np.nan, 1.0], [0.3, 0.4]], np.float32)
    token, level = as_reading(Cosine(), STATES, *estimator.observe(reading))
    assert level.tolist() == [1.0, 0.0] and np.isfinite(token).all()
    np.testing.assert_array_equal(token[1], reading[1])


def test_a_mean_that_lies_too_far_becomes_a_reading_that_could_be():
    mean, deviation = np.array([[1.0 + 2 * 30.0, -2.0]]), np.array([[0.8, 0.1]])
    token, level = as_reading(Cosine(), STATES, mean, deviation)
    alpha, _ = Cosine().alpha_sigma(jnp.asarray(level))
    assert float(alpha[0]) * (token[0, 0] - 1.0) / 2.0 == pytest.approx(4.0, rel=1e-2)
    assert token[0, 1] == pytest.approx(-2.0)


def test_as_many_noises_as_a_state_has_dimensions():
    with pytest.raises(UserError, match=r"observation_noise has 3 numbers; needed: 1 or 2"):
        Estimator(dynamics(), STATES, ACTIONS, (0.1, 0.1, 0.1), 1)
