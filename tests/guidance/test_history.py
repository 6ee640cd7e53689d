"""History guidance, on a token and its history that are Gaussian, so that all scores are known."""

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.diffusion.schedules import Cosine
from dfplan.guidance.history import history_guidance

SCHEDULE = Cosine()
CORRELATION = 0.8
LEVEL = 0.4
X = jnp.array([[[-1.3]], [[0.2]], [[2.1]]])
OBSERVED = jnp.full((3,), 1.5)


def moments(history, blur, level):
    """Mean and variance of a noised token given a history at a level; both are N(0, 1) if clean."""
    a_h, _ = SCHEDULE.alpha_sigma(blur)
    a_x, _ = SCHEDULE.alpha_sigma(level)
    gain = CORRELATION * a_x * a_h  # the noised history has variance 1
    return gain * history, 1 - gain**2


def exact(carry, x, level, start):
    """E[x0 | x, history]; the carry is the history and its level, and counts the calls."""
    history, blur, calls = carry
    alpha, _ = SCHEDULE.alpha_sigma(level)
    clean, variance = moments(history, blur, jnp.float32(0.0))
    mean, seen = moments(history, blur, level[0, 0])
    x0 = clean[:, None] + alpha * variance / seen * (x[..., 0] - mean[:, None])
    return x0[..., None], (history, blur, calls + 1)


def score(x, history, blur):
    mean, variance = moments(history, blur, jnp.float32(LEVEL))
    return jax.grad(lambda x: -jnp.sum((x[:, 0, 0] - mean) ** 2) / (2 * variance))(x)


def guided(weights, blurs):
    blurs = jnp.array([0.0, *blurs])
    noise = jnp.array([0.3, -0.7, 1.1])
    alpha, sigma = SCHEDULE.alpha_sigma(blurs[:, None])
    histories = alpha * OBSERVED + sigma * noise
    carry = (histories, blurs, jnp.zeros(len(blurs), int))
    level = jnp.full((3, 1), LEVEL)
    x0, carry = history_guidance(exact, weights)(carry, X, level, jnp.int32(0))
    return x0, carry, histories, blurs


def test_the_clean_estimate_is_that_of_the_composed_scores():
    x0, _, histories, blurs = guided((1.5, -0.5), (1.0, 0.3))
    scores = [score(X, h, b) for h, b in zip(histories, blurs, strict=True)]
    composed = scores[0] + 1.5 * (scores[0] - scores[1]) - 0.5 * (scores[0] - scores[2])
    alpha, sigma = SCHEDULE.alpha_sigma(jnp.float32(LEVEL))
    np.testing.assert_allclose(x0, (X + sigma**2 * composed) / alpha, atol=1e-5)


def test_history_of_pure_noise_tells_nothing():
    x0, *_ = guided((1.0,), (1.0,))
    alpha, _ = SCHEDULE.alpha_sigma(jnp.float32(LEVEL))
    conditional = exact((OBSERVED, jnp.float32(0.0), 0), X, jnp.full((3, 1), LEVEL), 0)[0]
    np.testing.assert_allclose(x0, 2 * conditional - alpha * X, atol=1e-5)


def test_weight_zero_is_the_observed_history_and_every_history_keeps_its_own_carry():
    x0, (histories, blurs, calls), before, levels = guided((0.0, 0.0), (1.0, 0.5))
    plain = exact((OBSERVED, jnp.float32(0.0), 0), X, jnp.full((3, 1), LEVEL), 0)[0]
    np.testing.assert_array_equal(x0, plain)
    np.testing.assert_array_equal(histories, before)
    np.testing.assert_array_equal(blurs, levels)
    assert calls.tolist() == [1, 1, 1]


def test_coefficients_sum_to_one():
    def same(carry, x, level, start):
        return jnp.full_like(x, 3.0), carry

    x0, _ = history_guidance(same, (2.0, -0.7))(jnp.zeros(3), X, jnp.ones((3, 1)), jnp.int32(0))
    np.testing.assert_array_equal(x0, jnp.full_like(X, 3.0))
