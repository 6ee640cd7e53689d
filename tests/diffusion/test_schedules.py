"""Noise schedules: variance preserving, exact at both ends, and equal to their papers' formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfplan.diffusion.config import DiffusionConfig
from dfplan.diffusion.schedules import SCHEDULES, Cosine, LinearBeta, Sigmoid
from dfplan.diffusion.schedules.schedule import MAX_LOG_SNR, level_at, log_snr, ratio_at
from dfplan.types import UserError

ALL = [
    Cosine(),
    Cosine(2.0),
    Cosine(-1.5),
    LinearBeta(),
    LinearBeta(0.5, 8.0),
    Sigmoid(),
    Sigmoid(0.0, 3.0, 0.7),
]
EVERY = pytest.mark.parametrize("schedule", ALL, ids=str)


def exact(schedule, level):
    """Return alpha and sigma in double precision, directly from the papers' formulas.

    The level is rounded to float32 first, so that both have the same distance to 0 and to 1.
    """
    level = np.asarray(level, np.float32).astype(np.float64)
    if isinstance(schedule, Cosine):
        ratio = np.tan(np.pi / 2 * level) ** 2 * np.exp(-schedule.shift)
        return np.sqrt(1 / (1 + ratio)), np.sqrt(ratio / (1 + ratio))
    if isinstance(schedule, Sigmoid):

        def logistic(fraction):
            return 1 / (1 + np.exp(-(schedule.start + fraction * width) / schedule.tau))

        width = schedule.end - schedule.start
        low = logistic(0.0)
        high = logistic(1.0)
        s = logistic(level)
        return np.sqrt((high - s) / (high - low)), np.sqrt((s - low) / (high - low))
    last = integrate_beta(schedule, 1.0)
    alpha = (integrate_beta(schedule, level) - last) / (1 - last)
    return alpha, np.sqrt((1 - alpha) * (1 + alpha))


def integrate_beta(schedule, level):
    """Return exp(-1/2 of the integral of beta) by Simpson's rule, exact for a linear beta."""

    def beta(s):
        return schedule.beta_min + s * (schedule.beta_max - schedule.beta_min)

    level = np.asarray(level, np.float64)
    nodes = np.linspace(0, level, 101, axis=-1)
    weight = np.array([1, *([4, 2] * 50)[:-1], 1]) / 300
    return np.exp(-0.5 * level * (beta(nodes) @ weight))


@EVERY
@pytest.mark.parametrize("compiled", [False, True])
def test_ends_are_exact(schedule, compiled):
    f = jax.jit(schedule.alpha_sigma) if compiled else schedule.alpha_sigma
    alpha, sigma = f(jnp.array([0.0, 1.0]))
    assert alpha.tolist() == [1.0, 0.0]
    assert sigma.tolist() == [0.0, 1.0]


@EVERY
@given(st.lists(st.floats(0, 1, width=32), min_size=8, max_size=8))
@settings(max_examples=15, deadline=None)
def test_variance_is_preserved(schedule, level):
    alpha, sigma = schedule.alpha_sigma(jnp.array(level))
    np.testing.assert_allclose(alpha**2 + sigma**2, 1, atol=5e-7)
    assert (alpha >= 0).all() and (sigma >= 0).all()


@EVERY
def test_snr_decreases_strictly(schedule):
    alpha, sigma = schedule.alpha_sigma(jnp.linspace(0, 1, 257))
    assert (np.diff(log_snr(alpha, sigma)) < 0).all()
    assert (np.diff(alpha) <= 2e-7).all() and (np.diff(sigma) >= -2e-7).all()


@EVERY
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0, 3)])
def test_output_has_the_shape_of_the_level(schedule, shape):
    for out in schedule.alpha_sigma(jnp.full(shape, 0.3)):
        assert out.shape == shape and out.dtype == jnp.float32
    for out in schedule.alpha_sigma(1):
        assert out.shape == ()


@EVERY
def test_follows_its_formula(schedule):
    level = np.linspace(0.01, 0.99, 50, dtype=np.float32)
    for actual, expected in zip(schedule.alpha_sigma(level), exact(schedule, level), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=2e-5)


@EVERY
def test_precise_at_tiny_levels_and_close_to_pure_noise(schedule):
    tiny = np.logspace(-6, -2, 9).astype(np.float32)
    np.testing.assert_allclose(schedule.alpha_sigma(tiny)[1], exact(schedule, tiny)[1], rtol=1e-5)
    near = (1 - np.logspace(-6, -2, 9)).astype(np.float32)
    np.testing.assert_allclose(schedule.alpha_sigma(near)[0], exact(schedule, near)[0], rtol=1e-5)


@pytest.mark.parametrize("shift", [-3.0, 0.7, 4.0])
def test_shift_is_added_to_the_log_snr(shift):
    level = jnp.linspace(0.02, 0.98, 25)
    moved = log_snr(*Cosine(shift).alpha_sigma(level)) - log_snr(*Cosine().alpha_sigma(level))
    np.testing.assert_allclose(moved, shift, atol=2e-5)


def test_log_snr_is_clipped_at_the_ends_and_exact_between():
    assert log_snr(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])).tolist() == [
        MAX_LOG_SNR,
        -MAX_LOG_SNR,
    ]
    np.testing.assert_allclose(
        log_snr(jnp.array([0.6, 1e-4]), jnp.array([0.8, 1.0])),
        [2 * np.log(0.75), 2 * np.log(1e-4)],
        rtol=1e-6,
    )


def test_specs_name_schedules_with_their_parameters():
    assert SCHEDULES.make("cosine:shift=1") == Cosine(1.0)
    assert SCHEDULES.make("linear_beta:beta_max=10") == LinearBeta(0.1, 10.0)
    assert DiffusionConfig().make_schedule() == Cosine(1.6)
    assert DiffusionConfig("sigmoid:start=0,tau=0.5").make_schedule() == Sigmoid(0.0, 3.0, 0.5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SCHEDULES.make("cosin"), ["'cosin'", "cosine, linear_beta, sigmoid"]),
        (lambda: SCHEDULES.make("sigmoid:shift=1"), ["'shift'", "start, end, tau"]),
        (lambda: Cosine(50.0), ["50", "40"]),
        (lambda: Cosine(float("nan")), ["nan"]),
        (lambda: LinearBeta(2.0, 1.0), ["2.0, 1.0"]),
        (lambda: Sigmoid(1.0, -1.0), ["start 1.0, end -1.0"]),
        (lambda: Sigmoid(tau=0.0), ["tau 0.0"]),
        (lambda: DiffusionConfig(schedule="linear"), ["'linear'", "linear_beta"]),
        (lambda: DiffusionConfig(parametrization="noise"), ["'noise'", "x0, eps, v"]),
        (lambda: DiffusionConfig(schedule="sigmoid:tau=0"), ["tau", "0.0"]),
        (lambda: DiffusionConfig(num_levels=-1), ["diffusion.num_levels", "-1"]),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)
def test_invalid_values_are_named(make, words):
    with pytest.raises(UserError) as error:
        make()
    assert all(word in str(error.value) for word in words)


@EVERY
def test_level_at_a_noise_ratio(schedule):
    ratio = np.array([0.0, 0.02, 0.1, 0.5, 1.0, 3.0, 30.0, np.inf])
    level = level_at(schedule, ratio)
    assert level.dtype == np.float32 and level[0] == 0 and level[-1] == 1
    assert (np.diff(level) > 0).all()
    alpha, sigma = schedule.alpha_sigma(jnp.asarray(level[1:-1]))
    np.testing.assert_allclose(sigma / alpha, ratio[1:-1], rtol=2e-3)
    np.testing.assert_array_equal(level_at(schedule, ratio.reshape(2, 4)), level.reshape(2, 4))


@EVERY
def test_ratio_at_inverts_level_at_inside_a_trace(schedule):
    ratios = []

    @jax.jit
    def trace(x):
        ratios.extend(ratio_at(schedule, level) for level in (0.1, 0.5, 0.8))
        return x

    trace(0.0)
    np.testing.assert_allclose(level_at(schedule, np.array(ratios)), [0.1, 0.5, 0.8], atol=1e-6)
    alpha, sigma = schedule.alpha_sigma(jnp.float32(0.5))
    np.testing.assert_allclose(ratios[1], sigma / alpha, rtol=1e-3)
